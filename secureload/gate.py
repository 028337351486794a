"""The gatekeeper: the one place that knows the order of the stages.

    resolve -> verify -> fetch -> scan -> decide -> convert -> keep

`admit` runs them all and gives a `CacheEntry`, whose folder any library may load; a second
call for the same commit under the same policy and ruleset finds the entry and does no
network request. `verify` asks only who signed.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import scanner
from scanner import Report
from secureload import (
    attested,
    convert,
    policy,
    quarantine,
    sandbox,
    selection,
    signatures,
    sources,
)
from secureload.cache import TrustedCache
from secureload.convert.configs import MENDS
from secureload.errors import Refused, TamperedError
from secureload.evidence import operator
from secureload.flow import (
    AdmissionKey,
    Artifact,
    Attestation,
    CacheEntry,
    Decided,
    Decision,
    Link,
    Listing,
    Need,
    Reason,
    Selection,
    SignatureStatus,
    Snapshot,
    Source,
    Verdict,
)
from secureload.policy import Policy
from secureload.settings import Settings

if TYPE_CHECKING:
    from secureload.ledger.records import Admitted

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

_NOT_FETCHED = frozenset({"sources", "repos", "revision", "limits", "recalled"})
"""Topics that refuse a model before a byte of it is fetched; for others every file is read,
so that the refusal has every reason."""

Progress = Callable[[str, int, int], None]
"""Called with a label, what is done and what there is to do, both in bytes or files."""


class GateOptions(TypedDict, total=False):
    """What `open_gate` takes; `trust_roots` are files beside those that the policy names."""

    trust_policy: str | Path | Policy | None
    trust_roots: Iterable[str | Path]
    token: str | bool | None
    cache_dir: str | Path | None
    local_files_only: bool
    progress: Progress | None


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A gate with its policy, cache and connections; cheap to make, safe to share.

    `token` is what `huggingface_hub` takes (a string, True, False or None), `cache_dir` the
    Hugging Face cache to look in, `offline` forbids the network.
    """

    policy: Policy
    settings: Settings
    token: str | bool | None = None
    cache_dir: Path | None = None
    offline: bool = False
    progress: Progress | None = None
    cache: TrustedCache = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cache", TrustedCache(self.settings.home))

    # -- the questions a gate answers ----------------------------------------------------

    def admit(
        self, source: Source, need: Need, *, force: bool = False, to_build: bool = False
    ) -> CacheEntry:
        """Run every stage and return the admitted model, from the cache when it is there.

        `to_build` is for the registry, which hashes what it loads where the policy wants that
        (`cache.verify: hashed-bytes`); for others, who get a path, the files are hashed here.

        Raises:
            Refused: the policy says no; `.verdict` has every reason.
            SecureloadError: no decision was reached; the message has a hint.
        """
        listing = None
        commit = self._commit_without_asking(source)
        if commit is None:
            listing = self._resolve(source)
            commit = listing.commit
        key = self.key(source, commit, need)
        force = force or not self._may_be_warm(source)
        on_load = to_build and self.policy.topics(source).cache.verify == "hashed-bytes"
        if not force and (entry := self._find(key, source, on_load=on_load)):
            return entry
        with self.cache.lock(key.digest, progress=self.progress), self.cache.work() as work:
            if not force and (entry := self._find(key, source, on_load=on_load)):
                return entry  # another process did the work while this one waited
            if listing is None:
                listing = self._resolve(dataclasses.replace(source, revision=commit))
            confined = sandbox.served(work / "scratch")
            decided = self._decide(listing, need, work, confined)
            if decided.approval is None or decided.snapshot is None:
                self.cache.record_verdict(decided, key)
                raise Refused(decided.verdict, decided.report)
            staging = work / "artifact"
            staging.mkdir()
            artifact = convert.convert(
                decided.snapshot,
                decided.approval,
                staging,
                framework=need.framework,
                progress=self.progress,
                through=confined.convert_folder,
            )
            if bad := self._recalled(listing, [file.sha256 for file in artifact.files]):
                decided = self._unfetched(listing, decided.attestation, bad)
                self.cache.record_verdict(decided, key)
                raise Refused(decided.verdict)
            artifact = dataclasses.replace(artifact, confinement=confined.tier.value)
            evidence = self._evidence(key, artifact, decided)
            published = self.cache.publish(key, artifact, decided, evidence=evidence)
            return dataclasses.replace(published, hash_on_load=on_load)

    def accept(self, bundle: Path, source: Source | None = None) -> CacheEntry:
        """Admit what another installation decided, by its signed summary; no network is used.

        `bundle` is an exported admission, or a folder of evidence about the local folder that
        `source` names. Policy, ruleset and converters must be those of this gate, the key one
        of a trust root's verifiers, and every file the one that was attested.

        Raises:
            Refused: the summary does not hold here; `.verdict` has every reason.
            SecureloadError: it cannot be read.
        """
        return attested.admit(bundle, source, self.policy, self.cache, recalled=self._recalled)

    def verify(self, source: Source) -> tuple[Listing, Attestation]:
        """Say who signed, and follow the chain to the bytes of every file.

        Raises:
            SecureloadError: the question could not be answered.
        """
        with self.cache.work() as work:
            listing = self._resolve(source)
            everything = selection.select(listing, Need(purpose="everything"))
            attestation = self._attest(listing, work)
            attestation, _ = self._fetch(listing, attestation, everything, work)
            return listing, attestation

    # -- stages --------------------------------------------------------------------------

    def _commit_without_asking(self, source: Source) -> str | None:
        """The commit when no source has to be asked for it: named, or locked to the last."""
        if source.kind == "local":
            return None
        if source.revision and _COMMIT.fullmatch(source.revision):
            return source.revision
        revision = self.policy.topics(source).revision
        if revision.require == "commit-sha":
            return None  # a branch is refused even where its last admitted commit is known
        if self.offline or revision.branches != "follow":
            return self.cache.latest(source)
        return None

    def _may_be_warm(self, source: Source) -> bool:
        """False where the way of asking is refused, whatever was admitted before."""
        named = source.kind == "local" or _COMMIT.fullmatch(source.revision or "")
        return bool(named) or self.policy.topics(source).revision.require == "any"

    def _context(self) -> sources.Context:
        return sources.Context(
            settings=self.settings,
            token=self.token,
            offline=self.offline,
            cache_dir=self.cache_dir,
            progress=self.progress,
            known_digest=self.cache.known_digest,
            remember_digest=self.cache.remember_digest,
        )

    def _resolve(self, source: Source) -> Listing:
        listing = sources.resolve(source, self._context())
        if source.kind != "local":  # a folder is always there to be asked again
            self.cache.remember(listing)
        return listing

    def key(self, source: Source, commit: str, need: Need) -> AdmissionKey:
        """What an admission of this commit depends on; its digest is the admission's id."""
        wanted = (
            need.purpose,
            need.subfolder,
            need.variant or "",
            self.policy.topics(source).scope,
            selection.VERSION,
            *((need.framework,) if need.framework else ()),
        )
        return AdmissionKey(
            kind=source.kind,
            repository=source.repository,
            commit=commit,
            selection="\0".join(wanted),
            policy=self.policy.id.digest,
            ruleset=scanner.ruleset(),
            converter=convert.VERSION,
        )

    def _find(self, key: AdmissionKey, source: Source, *, on_load: bool) -> CacheEntry | None:
        topics = self.policy.topics(source)
        changed = on_load or topics.cache.verify == "changed"
        entry = self.cache.find(key, mode="changed" if changed else "always")
        if entry is None or not self.counts(source, entry):
            return None
        return dataclasses.replace(entry, hash_on_load=on_load)

    def counts(self, source: Source, found: CacheEntry | Admitted) -> bool:
        """Whether an admission on record counts under this policy today."""
        if found.verifier and found.verifier not in attested.verifiers(self.policy, source):
            return False  # whoever decided is no longer trusted
        return bool(found.evidence) or self.policy.topics(source).evidence.sign != "required"

    def _evidence(
        self, key: AdmissionKey, artifact: Artifact, decided: Decided
    ) -> dict[str, bytes]:
        """The documents about an admission, signed; none where there is no operator key."""
        path = operator.configured(self.settings.home)
        if path is None:
            return {}
        from secureload.evidence import documents

        now = datetime.now(UTC)
        return documents.make(key, artifact, decided, operator.load(path), at=now)

    def _attest(self, listing: Listing, work: Path) -> Attestation:
        context = self._context()
        return signatures.attest(
            listing,
            sources.git_remote(listing, context),
            signatures.TrustRoots.load(self.policy.trust_roots),
            work / "git",
            offline=context.no_network,
        )

    def _fetch(
        self, listing: Listing, attestation: Attestation, selected: Selection, work: Path
    ) -> tuple[Attestation, Snapshot | None]:
        """Fetch, and bind the attestation; no snapshot when bytes are not those promised."""
        root = work / "files"
        root.mkdir()
        try:
            snapshot = quarantine.fetch(
                listing,
                selected,
                attestation.blobs,
                root,
                self._context(),
                shelf=self.cache.shelf,
            )
        except TamperedError as error:
            return _broken(attestation, error), None
        return signatures.bind(attestation, snapshot), snapshot

    def _decide(
        self, listing: Listing, need: Need, work: Path, confined: sandbox.Sandbox
    ) -> Decided:
        topics = self.policy.topics(listing.source)
        attestation = self._attest(listing, work)
        selected = selection.select(listing, need, scope=topics.scope)
        early = policy.decide_early(listing, attestation, self.policy, selection=selected)
        early = (*self._recalled(listing), *early)
        if any(reason.rule in _NOT_FETCHED for reason in early):
            return self._unfetched(listing, attestation, early)
        attestation, snapshot = self._fetch(listing, attestation, selected, work)
        if snapshot and (bad := self._recalled(listing, [file.sha256 for file in snapshot.files])):
            return self._unfetched(listing, attestation, bad)
        report: Report | None = None
        if snapshot is not None:
            report = scanner.scan(
                [snapshot.root],
                profiles=topics.pickles.profiles or None,
                allow=topics.pickles.allow,
                examine=confined.examine,
            )
        verdict, approval = policy.decide(
            str(listing.source), listing, attestation, snapshot, report, self.policy,
            mended=MENDS, confined=confined.tier.full,
            signing=operator.configured(self.settings.home) is not None,
        )  # fmt: skip
        return Decided(
            listing=listing,
            attestation=attestation,
            snapshot=snapshot,
            report=report,
            verdict=verdict,
            approval=approval,
            confinement=confined.tier.value,
        )

    def _recalled(self, listing: Listing, digests: Iterable[str] = ()) -> tuple[Reason, ...]:
        """Why a commit, or files of these SHA-256, may not be admitted again."""
        return tuple(
            Reason(
                rule="recalled",
                message=f"was recalled on {found.recalled_at[:10]} by {found.recalled_by}: "
                f"{found.reason}",
                subject=found.subject,
            )
            for found in self.cache.recalled(listing, digests)
        )

    def _unfetched(
        self, listing: Listing, attestation: Attestation, reasons: tuple[Reason, ...]
    ) -> Decided:
        """A refusal that no file had to be read for."""
        verdict = Verdict(
            decision=Decision.DENY,
            subject=str(listing.source),
            commit=listing.commit,
            policy=self.policy.id,
            ruleset=scanner.ruleset(),
            reasons=reasons,
        )
        return Decided(
            listing=listing,
            attestation=attestation,
            snapshot=None,
            report=None,
            verdict=verdict,
            approval=None,
        )


def _broken(attestation: Attestation, error: TamperedError) -> Attestation:
    """The attestation once fetched bytes turned out not to be those promised."""
    links = tuple(
        Link(kind="bytes", subject=path, digest="", ok=False, detail=detail)
        for path, detail in error.problems.items()
    )
    return dataclasses.replace(
        attestation,
        status=SignatureStatus.BROKEN_CHAIN,
        chain=(*attestation.chain, *links),
        detail=error.message,
    )


def open_gate(
    *,
    trust_policy: str | Path | Policy | None = None,
    trust_roots: Iterable[str | Path] = (),
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
    progress: Progress | None = None,
) -> Gate:
    """Make a gate from what callers say and from the environment as it is now.

    Raises:
        PolicyError: the policy or a trust root is not valid.
    """
    settings = Settings.from_environment()
    loaded = policy.with_trust_roots(policy.load(trust_policy, settings), trust_roots)
    return Gate(
        policy=loaded,
        settings=settings,
        token=token,
        cache_dir=Path(cache_dir) if cache_dir is not None else None,
        offline=local_files_only or settings.offline,
        progress=progress,
    )


def admit(
    reference: str | Path,
    *,
    revision: str | None = None,
    need: Need | None = None,
    force_download: bool = False,
    **options: Unpack[GateOptions],
) -> CacheEntry:
    """Admit a model and return its entry; `entry.path` is safe to hand to any library.

    `reference` is `org/name[@revision]`, a local path or a `git+` URL.

    Raises:
        Refused: the policy says no; `.verdict` has every reason.
        SecureloadError: no decision was reached; the message has a hint.
    """
    source = sources.parse(str(reference), revision)
    return open_gate(**options).admit(source, need or Need(), force=force_download)
