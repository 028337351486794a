"""The gatekeeper: the one place that knows the order of the stages.

    resolve -> verify -> fetch -> scan -> decide -> convert -> keep

`admit` runs them all and gives a `CacheEntry`, whose folder any library may load; a second
call for the same commit under the same policy and ruleset finds the entry and does no
network request. `verify` asks only who signed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import scanner
from scanner import Report
from secureload import (
    attested,
    code,
    convert,
    modelcard,
    policy,
    quarantine,
    sandbox,
    selection,
    signatures,
    sources,
    tracing,
)
from secureload.cache import TrustedCache
from secureload.convert.configs import MENDS
from secureload.errors import Refused, TamperedError, UsageError
from secureload.evidence import operator
from secureload.flow import (
    AdmissionKey,
    Artifact,
    ArtifactFile,
    Attestation,
    CacheEntry,
    Circumstances,
    CodeSet,
    Decided,
    Decision,
    DetachedSignature,
    Lineage,
    Link,
    Listing,
    Need,
    Reason,
    Selection,
    SignatureStatus,
    Snapshot,
    Source,
    StoredFile,
    Verdict,
)
from secureload.policy import Policy, Topics
from secureload.settings import Settings

if TYPE_CHECKING:
    from secureload.ledger.records import Admitted

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

_NOT_FETCHED = frozenset({"sources", "repos", "revision", "owner", "limits", "recalled"})
"""Topics that refuse a model before a byte of it is fetched; for others every file is read,
so that the refusal has every reason."""

_HERE = 1 << 20
"""Most bytes of a pickle in memory that are read in this process."""

Progress = Callable[[str, int, int], None]
"""Called with a label, what is done and what there is to do, both in bytes or files."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a caller of `verify` says about signatures over the folder.

    `signature` is the file that holds it, wherever it lies; absent, the model's own are
    found. `ignored` are paths in the model that need no signature, `ignore_unsigned` lets
    every file pass that the signature does not mention.
    """

    signature: Path | None = None
    ignored: tuple[str, ...] = ()
    ignore_unsigned: bool = False


class GateOptions(TypedDict, total=False):
    """What `open_gate` takes; `trust_roots` are files beside those that the policy names."""

    trust_policy: str | Path | Policy | None
    trust_roots: Iterable[str | Path]
    token: str | bool | None
    cache_dir: str | Path | None
    local_files_only: bool
    progress: Progress | None


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A gate with its policy, cache and connections; cheap to make, safe to share.

    `token` is what `huggingface_hub` takes (a string, True, False or None), `cache_dir` the
    Hugging Face cache to look in, `offline` forbids the network. `clock` gives the time (UTC) by
    which waivers expire and evidence is dated.
    """

    policy: Policy
    settings: Settings
    token: str | bool | None = None
    cache_dir: Path | None = None
    offline: bool = False
    progress: Progress | None = None
    clock: Callable[[], datetime] = _utc_now
    cache: TrustedCache = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cache", TrustedCache.of(self.settings, clock=self.clock))

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
        force = force or not self._may_be_warm(source, listing)
        on_load = to_build and self.policy.topics(source).cache.verify == "hashed-bytes"
        if not force and (entry := self._find(key, source, on_load=on_load)):
            self._note_head(listing)
            return entry
        with self.cache.lock(key.digest, progress=self.progress), self.cache.work() as work:
            if not force and (entry := self._find(key, source, on_load=on_load)):
                self._note_head(listing)
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
            with tracing.stage("convert"):
                artifact = convert.convert(
                    decided.snapshot,
                    decided.approval,
                    staging,
                    framework=need.framework,
                    progress=self.progress,
                    through=confined.convert_folder,
                )
            if need.code and (found := code.code_of(decided.snapshot)):
                artifact = _with_code(artifact, found)
            if bad := self._recalled(listing, [file.sha256 for file in artifact.files]):
                decided = self._unfetched(listing, decided.attestation, bad, decided.circumstances)
                self.cache.record_verdict(decided, key)
                raise Refused(decided.verdict)
            artifact = dataclasses.replace(artifact, confinement=confined.tier.value)
            made = {path for done in artifact.conversions for path in done.outputs}
            tracing.add(
                "converted_bytes", sum(file.size for file in artifact.files if file.path in made)
            )
            with tracing.stage("keep"):
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

    def verify(self, source: Source, asked: Asked | None = None) -> tuple[Listing, Attestation]:
        """Say who signed, and follow the chain to the bytes of every file.

        Raises:
            SecureloadError: the question could not be answered.
        """
        with self.cache.work() as work:
            listing = self._resolve(source)
            everything = selection.select(listing, Need(purpose="everything"))
            attestation = self._attest(listing, work)
            attestation, _ = self._fetch(listing, attestation, everything, work, asked or Asked())
            return listing, attestation

    def code(self, source: Source, into: Path) -> CodeSet | None:
        """Bring a repository's Python into the folder `into`; None where there is none.

        Nothing of it runs, and nothing is admitted.

        Raises:
            SecureloadError: it could not be fetched, or is not what was promised.
        """
        with self.cache.work() as work:
            listing = self._resolve(source)
            wanted = selection.select(listing, Need(purpose="processor", code=True))
            attestation = self._attest(listing, work)
            snapshot = self._quarantine(listing, attestation, wanted.paths, work / "files")
            found = code.code_of(snapshot)
            for file in found.files if found else ():
                place = into / file.path
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(snapshot.root / file.path, place)
            return found

    def files(self, source: Source) -> tuple[str, ...]:
        """The names of all files of a source, admitted or not, as the source lists them.

        Raises:
            SecureloadError: the source could not be asked.
        """
        return tuple(claim.path for claim in self._resolve(source).claims)

    def judge(self, name: str, what: Path | bytes) -> tuple[Verdict, Report]:
        """Decide on one file, or on bytes, that a program is about to load itself.

        Nothing is fetched, converted or kept; a refusal is recorded. `name` is what messages
        call it. Few bytes are read here, where the policy does not demand confinement: a
        program may load thousands of small pickles, and a worker costs some milliseconds.

        Raises:
            SecureloadError: no decision was reached.
        """
        topics = self.policy.topics(Source(kind="local", location=name))
        if isinstance(what, bytes) and len(what) <= _HERE and topics.sandbox != "required":
            options = scanner.engine.Options(second="never", **policy.scan_options(topics))
            result = scanner.scan_bytes(what, name="pickle", options=options)
            report, confined = Report(files=(result,), ruleset=scanner.ruleset()), False
        else:
            report, confined = self._examined(what, topics)
        return self._judged(name, report, confined=confined), report

    def _examined(self, what: Path | bytes, topics: Topics) -> tuple[Report, bool]:
        with self.cache.work() as work:
            if isinstance(what, bytes):
                path = work / "pickle"
                path.write_bytes(what)
            else:
                path = what
            sandboxed = sandbox.served(work / "scratch")
            report = scanner.scan(
                [path], **policy.scan_options(topics), examine=sandboxed.examine
            )  # fmt: skip
            return report, sandboxed.tier.full

    def _judged(self, name: str, report: Report, *, confined: bool) -> Verdict:
        source = Source(kind="local", location=name)
        files = tuple(
            StoredFile(path=file.path, size=file.size, sha256=file.sha256 or "", git_oid="")
            for file in report
        )
        listing = Listing(source=source, commit=f"local-{files[0].sha256}", claims=())
        attestation = Attestation(status=SignatureStatus.UNSIGNED, detail="a file on this machine")
        snapshot = Snapshot(listing=listing, root=Path(name), files=files)
        circumstances = Circumstances(now=self.clock())
        if bad := self._recalled(listing, [file.sha256 for file in files]):
            decided = self._unfetched(listing, attestation, bad, circumstances)
        else:
            verdict, approval = policy.decide(
                name, listing, attestation, snapshot, report, self.policy, confined=confined,
                signing=operator.configured(self.settings.home) is not None,
                circumstances=circumstances,
            )  # fmt: skip
            decided = Decided(
                listing=listing,
                attestation=attestation,
                snapshot=snapshot,
                report=report,
                verdict=verdict,
                approval=approval,
                circumstances=circumstances,
            )
        if decided.verdict.decision is not Decision.ALLOW:
            self.cache.record_verdict(decided)
        return decided.verdict

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

    def _note_head(self, listing: Listing | None) -> None:
        """Record where a branch or tag has come to, when that had been admitted by itself."""
        if listing is None or not _moves(listing.source):
            return
        if self.cache.head(listing.source) != listing.commit:
            self.cache.admitted(listing)

    def _may_be_warm(self, source: Source, listing: Listing | None) -> bool:
        """False where the way of asking may be refused, whatever was admitted before."""
        if not _moves(source):
            return True
        revision = self.policy.topics(source).revision
        if revision.require != "any":
            return False
        if revision.monotonic and listing is not None:
            return self.cache.head(source) in (None, listing.commit)
        return True

    def _context(self) -> sources.Context:
        return sources.Context(
            settings=self.settings,
            token=self.token,
            offline=self.offline,
            cache_dir=self.cache_dir,
            progress=self.progress,
            signals=self.policy.base.hub_signals.consult == "always",
            known_digest=self.cache.known_digest,
            remember_digest=self.cache.remember_digest,
        )

    def _resolve(self, source: Source) -> Listing:
        with tracing.stage("resolve"):
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
            *(("code",) if need.code else ()),
            *(f"file:{name}" for name in need.files),
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
        today = self.clock().date().isoformat()
        if any(waived.expires < today for waived in found.verdict.waived):
            return False  # the gate is older than the day: decide again, without the waiver
        return bool(found.evidence) or self.policy.topics(source).evidence.sign != "required"

    def _evidence(
        self, key: AdmissionKey, artifact: Artifact, decided: Decided
    ) -> dict[str, bytes]:
        """The documents about an admission, signed; none where there is no operator key."""
        path = operator.configured(self.settings.home)
        if path is None:
            return {}
        from secureload.evidence import documents

        return documents.make(key, artifact, decided, operator.load(path), at=self.clock())

    def _attest(self, listing: Listing, work: Path) -> Attestation:
        context = self._context()
        return signatures.attest(
            listing,
            sources.git_remote(listing, context),
            self._trust(),
            work / "git",
            offline=context.no_network,
            seen=self._first_seen(listing.source),
        )

    def _first_seen(self, source: Source) -> Callable[[str], datetime] | None:
        """When the ledger met a signature, where the policy wants that to count."""
        if self.policy.topics(source).identity.expired_key != "first-seen":
            return None
        return functools.partial(self.cache.first_seen, "signature")

    def _circumstances(self, listing: Listing, work: Path) -> Circumstances:
        """What ledger, hub and clock say of a commit, before its files are fetched."""
        source, topics = listing.source, self.policy.topics(listing.source)
        if source.kind == "local":
            return Circumstances(now=self.clock())
        lineage = None
        if topics.revision.monotonic and _moves(source):
            lineage = self._lineage(listing, work)
        return Circumstances(
            now=self.clock(),
            first_seen=self.cache.first_seen(
                "commit", f"{source.kind}:{source.repository}@{listing.commit}"
            ),
            lineage=lineage,
            changed_ids=self._changed_ids(listing) if topics.owner.pin != "none" else {},
        )

    def _lineage(self, listing: Listing, work: Path) -> Lineage:
        before = self.cache.head(listing.source)
        if before is None:
            return Lineage(relation="first")
        context = self._context()
        return signatures.lineage(
            before,
            listing.commit,
            sources.git_remote(listing, context),
            work / "history",
            offline=context.no_network,
        )

    def _changed_ids(self, listing: Listing) -> dict[str, tuple[str, str]]:
        """Ids of repository and account that are others than when first met, as (then, now)."""
        if listing.upstream is None:
            return {}
        name = listing.source.repository
        account, ids = name.partition("/")[0], listing.upstream.ids
        scopes = {
            "repository": f"{listing.source.kind}:{name}#repository",
            "name": f"{listing.source.kind}:{name}#name",
            "account": f"{listing.source.kind}:{account}#account",
        }
        changed = {}
        for what, scope in scopes.items():
            now = ids.get(what, "")
            first = self.cache.first_id(scope, now)
            if first != now:
                changed[what] = (first, now)
        return changed

    def _fetch(
        self,
        listing: Listing,
        attestation: Attestation,
        selected: Selection,
        work: Path,
        asked: Asked | None = None,
    ) -> tuple[Attestation, Snapshot | None]:
        """Fetch, and bind the attestation; no snapshot when bytes are not those promised."""
        asked = asked or Asked()
        try:
            snapshot = self._quarantine(listing, attestation, selected.paths, work / "files")
            detached = self._detached(listing, attestation, work, asked)
        except TamperedError as error:
            return _broken(attestation, error), None
        bound = signatures.bind(
            attestation,
            snapshot,
            self._trust(),
            detached,
            ignored=asked.ignored,
            ignore_unsigned=asked.ignore_unsigned,
            seen=self._first_seen(listing.source),
        )
        return bound, snapshot

    def _quarantine(
        self, listing: Listing, attestation: Attestation, paths: Iterable[str], root: Path
    ) -> Snapshot:
        root.mkdir()
        return quarantine.fetch(
            listing,
            Selection(paths=tuple(paths)),
            attestation.blobs,
            root,
            self._context(),
            shelf=self.cache.shelf,
        )

    def _detached(
        self, listing: Listing, attestation: Attestation, work: Path, asked: Asked
    ) -> list[DetachedSignature]:
        """The signatures over the folder: the one asked for, or those that lie in it."""
        if asked.signature is not None:
            return [_read_signature(asked.signature, listing)]
        claims = [claim for claim in listing.claims if signatures.is_candidate(claim.path)]
        small = [claim.path for claim in claims if claim.size <= signatures.BUNDLE_BYTES]
        found = [
            DetachedSignature(
                name=claim.path, data=b"", path=claim.path, problem="the signature is too large"
            )
            for claim in claims
            if claim.size > signatures.BUNDLE_BYTES
        ]
        if small:
            root = work / "signatures"
            self._quarantine(listing, attestation, small, root)
            found += [
                DetachedSignature(name=path, data=(root / path).read_bytes(), path=path)
                for path in small
            ]
        return sorted(found, key=lambda one: one.name)

    def _trust(self) -> signatures.TrustRoots:
        return signatures.TrustRoots.load(self.policy.trust_roots)

    def _decide(
        self, listing: Listing, need: Need, work: Path, confined: sandbox.Sandbox
    ) -> Decided:
        topics = self.policy.topics(listing.source)
        with tracing.stage("verify"):
            attestation = self._attest(listing, work)
        selected = selection.select(listing, need, scope=topics.scope)
        circumstances = self._circumstances(listing, work)
        early = policy.decide_early(
            listing, attestation, self.policy, selection=selected, circumstances=circumstances
        )
        early = (*self._recalled(listing), *early)
        if any(reason.rule in _NOT_FETCHED for reason in early):
            return self._unfetched(listing, attestation, early, circumstances)
        with tracing.stage("fetch"):
            attestation, snapshot = self._fetch(listing, attestation, selected, work)
        if snapshot and (bad := self._recalled(listing, [file.sha256 for file in snapshot.files])):
            return self._unfetched(listing, attestation, bad, circumstances)
        report: Report | None = None
        if snapshot is not None:
            named = modelcard.licences(snapshot.root)
            circumstances = dataclasses.replace(circumstances, licences=named)
            tracing.add("scanned_bytes", sum(file.size for file in snapshot.files))
            with tracing.stage("scan"):
                report = scanner.scan(
                    [snapshot.root],
                    profiles=topics.pickles.profiles or None,
                    allow=topics.pickles.allow,
                    examine=confined.examine,
                )
        approved = policy.approved_code(topics, listing.source.repository) if need.code else None
        with tracing.stage("decide"):
            verdict, approval = policy.decide(
                str(listing.source), listing, attestation, snapshot, report, self.policy,
                mended=MENDS, confined=confined.tier.full, remote_code_requested=need.code,
                code=code.code_of(snapshot) if need.code and snapshot else None,
                approved_code=approved,
                signing=operator.configured(self.settings.home) is not None,
                circumstances=circumstances,
                today=self.clock().date(),
            )  # fmt: skip
        return Decided(
            listing=listing,
            attestation=attestation,
            snapshot=snapshot,
            report=report,
            verdict=verdict,
            approval=approval,
            confinement=confined.tier.value,
            circumstances=circumstances,
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
        self,
        listing: Listing,
        attestation: Attestation,
        reasons: tuple[Reason, ...],
        circumstances: Circumstances,
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
            circumstances=circumstances,
        )


def _moves(source: Source) -> bool:
    """Whether what was asked for may lead to another commit tomorrow: a branch, a tag."""
    return source.kind != "local" and not _COMMIT.fullmatch(source.revision or "")


def _read_signature(path: Path, listing: Listing) -> DetachedSignature:
    """A signature that the caller named; where it lies in the model, it is no part of it."""
    inside = None
    folder = Path(listing.source.location)
    if listing.source.kind == "local" and folder.is_dir():
        with contextlib.suppress(ValueError, OSError):
            inside = path.resolve().relative_to(folder.resolve()).as_posix()
    try:
        with path.open("rb") as stream:
            data = stream.read(signatures.BUNDLE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"the signature {path}: {error.strerror or error}") from error
    return DetachedSignature(name=path.name, data=data, path=inside, asked=True)


def _with_code(artifact: Artifact, found: CodeSet) -> Artifact:
    """The artifact with the manifest of its approved code."""
    data = code.manifest(found)
    (artifact.root / code.MANIFEST).write_bytes(data)
    made = ArtifactFile(path=code.MANIFEST, size=len(data), sha256=hashlib.sha256(data).hexdigest())
    return dataclasses.replace(artifact, files=(*artifact.files, made))


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
