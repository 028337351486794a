"""The gatekeeper: what is on record is found, what is not goes through the stages.

`admit` gives a `CacheEntry`, whose folder any library may load. The first call for a commit
under a policy and a ruleset runs every stage, in the order that `stages` knows; a second finds
the entry and does no network request. `verify` asks only who signed.
"""

from __future__ import annotations

import dataclasses
import functools
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

import scanner
from secureload import history, policy, sources, versions
from secureload.cache import TrustedCache
from secureload.errors import NothingNeededError
from secureload.flow import AdmissionKey, CacheEntry, Need, Source
from secureload.settings import Settings
from secureload.surroundings import Progress, Surroundings

if TYPE_CHECKING:
    from scanner import Report
    from secureload.fetching import Asked
    from secureload.flow import Attestation, CodeSet, Listing, Verdict
    from secureload.ledger.records import Admitted
    from secureload.policy import Policy

# What only some verbs need is imported there: it takes longer than all of a warm load.


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
        need = need.of(source)
        commit = history.commit_without_asking(self, source)
        if commit is None:
            listing = history.resolve(self, source)
            commit = listing.commit
        key = self.key(source, commit, need)
        again = force
        force = force or not history.may_be_warm(self, source, listing)
        on_load = to_build and self.policy.topics(source).cache.verify == "hashed-bytes"
        if not force and (entry := self._find(key, source, on_load=on_load)):
            history.note_head(self, listing)
            return entry
        from secureload import stages

        with self.cache.lock(key.digest, progress=self.progress), self.cache.work() as work:
            if not force and (entry := self._find(key, source, on_load=on_load)):
                history.note_head(self, listing)
                return entry  # another process did the work while this one waited
            if listing is None:
                listing = history.resolve(self, dataclasses.replace(source, revision=commit))
            published = stages.admit(self, listing, key, need, work, again=again)
            return dataclasses.replace(published, hash_on_load=on_load)

    def in_folder(self, name: str) -> CacheEntry | None:
        """The admission that lies in this folder of `models/` and counts today; None if none.

        Raises:
            IntegrityError: it is not what was admitted.
            CacheError: the ledger cannot be read.
        """
        entry = self.cache.in_folder(name, mode=self._check_of)
        return entry if entry is not None and self.counts(entry.source, entry) else None

    def accept(self, bundle: Path, source: Source | None = None) -> CacheEntry:
        """Admit what another installation decided, by its signed summary; no network is used.

        `bundle` is an exported admission, or a folder of evidence about the local folder that
        `source` names. Policy, ruleset and converters must be those of this gate, the key one
        of a trust root's verifiers, and every file the one that was attested.

        Raises:
            Refused: the summary does not hold here; `.verdict` has every reason.
            SecureloadError: it cannot be read.
        """
        from secureload import attested

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
        from secureload import fetching, selection

        with self.cache.work() as work:
            listing = history.resolve(self, source)
            everything = selection.select(listing, Need(purpose="everything"))
            attestation = fetching.attest(self, listing, work)
            attestation, _ = fetching.fetch(self, listing, attestation, everything, work, asked)
            return listing, attestation

    def code(self, source: Source, into: Path) -> CodeSet | None:
        """Bring a repository's Python into the folder `into`; None where there is none.

        Nothing of it runs, and nothing is admitted.

        Raises:
            SecureloadError: it could not be fetched, or is not what was promised.
        """
        from secureload import code, fetching, selection

        with self.cache.work() as work:
            listing = history.resolve(self, source)
            need = Need(purpose="processor", code=True).of(source)
            if source.repo_type == "dataset":  # whose data may be as large as it likes
                paths = tuple(one.path for one in listing.claims if code.is_code(one.path, source))
                if not paths:
                    return None
                need = Need(files=paths)
            try:
                wanted = selection.select(listing, need)
            except NothingNeededError:
                return None
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
        return tuple(claim.path for claim in history.resolve(self, source).claims)

    def judge(self, name: str, what: Path | bytes) -> tuple[Verdict, Report]:
        """Decide on one file, or on bytes, that a program is about to load itself.

        Nothing is fetched, converted or kept; a refusal is recorded. `name` is what messages
        call it.

        Raises:
            SecureloadError: no decision was reached.
        """
        from secureload import judging

        return judging.judge(self, name, what)

    def key(self, source: Source, commit: str, need: Need) -> AdmissionKey:
        """What an admission of this commit depends on; its digest is the admission's id."""
        need = need.of(source)
        wanted = (
            need.purpose,
            need.subfolder,
            need.variant or "",
            self.policy.topics(source).scope,
            str(versions.SELECTION),
            *((need.framework,) if need.framework else ()),
            *(("code",) if need.code else ()),
            *((source.repo_type,) if source.repo_type != "model" else ()),
            *(f"file:{name}" for name in need.files),
        )
        return AdmissionKey(
            kind=source.kind,
            repository=source.repository,
            commit=commit,
            selection="\0".join(wanted),
            policy=self.policy.id.digest,
            ruleset=scanner.ruleset(),
            converter=versions.conversion(),
        )

    def _find(self, key: AdmissionKey, source: Source, *, on_load: bool) -> CacheEntry | None:
        entry = self.cache.find(key, mode="changed" if on_load else self._check_of(source))
        if entry is None or not self.counts(source, entry):
            return None
        return dataclasses.replace(entry, hash_on_load=on_load)

    def _check_of(self, source: Source) -> Literal["always", "changed"]:
        return "changed" if self.policy.topics(source).cache.verify == "changed" else "always"

    def counts(self, source: Source, found: CacheEntry | Admitted) -> bool:
        """Whether an admission on record counts under this policy today."""
        if found.verifier:
            from secureload import attested

            if found.verifier not in attested.verifiers(self.policy, source):
                return False  # whoever decided is no longer trusted
        today = self.clock().date().isoformat()
        if any(waived.expires < today for waived in found.verdict.waived):
            return False  # the gate is older than the day: decide again, without the waiver
        return bool(found.evidence) or self.policy.topics(source).evidence.sign != "required"


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

    Where the ledger is shared, waivers approved on other machines count here from now on.

    Raises:
        PolicyError: the policy or a trust root is not valid.
        CacheError: the shared ledger cannot be read.
    """
    settings = Settings.from_environment()
    if settings.database:
        TrustedCache.of(settings).bring_waivers()
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
