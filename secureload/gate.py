"""The gatekeeper: the one place that knows the order of the stages.

    resolve -> verify -> fetch -> scan -> decide -> convert -> keep

`admit` runs them all and gives a `CacheEntry`, whose folder any library may load; a second
call for the same commit under the same policy and ruleset finds the entry and does no
network request. `verify` asks only who signed.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import scanner
from scanner import Report
from secureload import (
    attested,
    code,
    convert,
    fetching,
    history,
    judging,
    modelcard,
    policy,
    sandbox,
    selection,
    sources,
    tracing,
)
from secureload.convert.configs import MENDS
from secureload.errors import Refused
from secureload.evidence import operator
from secureload.fetching import Asked
from secureload.flow import (
    AdmissionKey,
    Artifact,
    ArtifactFile,
    Attestation,
    CacheEntry,
    CodeSet,
    Decided,
    Listing,
    Need,
    Reading,
    Source,
    Verdict,
)
from secureload.policy import Policy
from secureload.settings import Settings
from secureload.surroundings import Progress, Surroundings

if TYPE_CHECKING:
    from secureload.ledger.records import Admitted


_NOT_FETCHED = frozenset({"sources", "repos", "revision", "owner", "limits", "recalled"})
"""Topics that refuse a model before a byte of it is fetched; for others every file is read,
so that the refusal has every reason."""


class GateOptions(TypedDict, total=False):
    """What `open_gate` takes; `trust_roots` are files beside those that the policy names."""

    trust_policy: str | Path | Policy | None
    trust_roots: Iterable[str | Path]
    token: str | bool | None
    cache_dir: str | Path | None
    local_files_only: bool
    progress: Progress | None


class Gate(Surroundings):
    """A gate with its policy, cache and connections; cheap to make, safe to share."""

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
        commit = history.commit_without_asking(self, source)
        if commit is None:
            listing = fetching.resolve(self, source)
            commit = listing.commit
        key = self.key(source, commit, need)
        force = force or not history.may_be_warm(self, source, listing)
        on_load = to_build and self.policy.topics(source).cache.verify == "hashed-bytes"
        if not force and (entry := self._find(key, source, on_load=on_load)):
            history.note_head(self, listing)
            return entry
        with self.cache.lock(key.digest, progress=self.progress), self.cache.work() as work:
            if not force and (entry := self._find(key, source, on_load=on_load)):
                history.note_head(self, listing)
                return entry  # another process did the work while this one waited
            if listing is None:
                listing = fetching.resolve(self, dataclasses.replace(source, revision=commit))
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
            if bad := history.recalled(self, listing, [file.sha256 for file in artifact.files]):
                decided = judging.unfetched(
                    self, listing, decided.attestation, bad, decided.circumstances
                )
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
        return attested.admit(
            bundle,
            source,
            self.policy,
            self.cache,
            recalled=functools.partial(history.recalled, self),
        )

    def verify(self, source: Source, asked: Asked | None = None) -> tuple[Listing, Attestation]:
        """Say who signed, and follow the chain to the bytes of every file.

        Raises:
            SecureloadError: the question could not be answered.
        """
        with self.cache.work() as work:
            listing = fetching.resolve(self, source)
            everything = selection.select(listing, Need(purpose="everything"))
            attestation = fetching.attest(self, listing, work)
            attestation, _ = fetching.fetch(
                self, listing, attestation, everything, work, asked or Asked()
            )
            return listing, attestation

    def code(self, source: Source, into: Path) -> CodeSet | None:
        """Bring a repository's Python into the folder `into`; None where there is none.

        Nothing of it runs, and nothing is admitted.

        Raises:
            SecureloadError: it could not be fetched, or is not what was promised.
        """
        with self.cache.work() as work:
            listing = fetching.resolve(self, source)
            wanted = selection.select(listing, Need(purpose="processor", code=True))
            attestation = fetching.attest(self, listing, work)
            snapshot = fetching.into_quarantine(
                self, listing, attestation, wanted.paths, work / "files"
            )
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
        return tuple(claim.path for claim in fetching.resolve(self, source).claims)

    def judge(self, name: str, what: Path | bytes) -> tuple[Verdict, Report]:
        """Decide on one file, or on bytes, that a program is about to load itself.

        Nothing is fetched, converted or kept; a refusal is recorded. `name` is what messages
        call it.

        Raises:
            SecureloadError: no decision was reached.
        """
        return judging.judge(self, name, what)

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
            converter=convert.version(),
        )

    def _decide(
        self, listing: Listing, need: Need, work: Path, confined: sandbox.Sandbox
    ) -> Decided:
        topics = self.policy.topics(listing.source)
        with tracing.stage("verify"):
            attestation = fetching.attest(self, listing, work)
        selected = selection.select(listing, need, scope=topics.scope)
        circumstances = history.circumstances(self, listing, work)
        early = policy.decide_early(
            listing, attestation, self.policy, selection=selected, circumstances=circumstances
        )
        early = (*history.recalled(self, listing), *early)
        if any(reason.rule in _NOT_FETCHED for reason in early):
            return judging.unfetched(self, listing, attestation, early, circumstances)
        with tracing.stage("fetch"):
            attestation, snapshot = fetching.fetch(self, listing, attestation, selected, work)
        if snapshot and (
            bad := history.recalled(self, listing, [file.sha256 for file in snapshot.files])
        ):
            return judging.unfetched(self, listing, attestation, bad, circumstances)
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
            reading=Reading(
                complete=snapshot is not None and len(snapshot.files) == len(listing.claims),
                profiles=topics.pickles.profiles,
                allow=topics.pickles.allow,
            ),
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


def _with_code(artifact: Artifact, found: CodeSet) -> Artifact:
    """The artifact with the manifest of its approved code."""
    data = code.manifest(found)
    (artifact.root / code.MANIFEST).write_bytes(data)
    made = ArtifactFile(path=code.MANIFEST, size=len(data), sha256=hashlib.sha256(data).hexdigest())
    return dataclasses.replace(artifact, files=(*artifact.files, made))


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
