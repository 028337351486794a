"""The trusted cache, as the gate and the command line use it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from secureload.cache import recall, soundness
from secureload.cache.layout import discard, troubles
from secureload.cache.log import AuditLog
from secureload.cache.memory import Memory
from secureload.cache.publishing import Publishing
from secureload.cache.recall import Recalled
from secureload.cache.soundness import Problem
from secureload.cache.work import sweep
from secureload.errors import CacheError, IntegrityError, NotFoundError
from secureload.flow import (
    AdmissionKey,
    CacheEntry,
    Decided,
    FileClaim,
    Listing,
    Snapshot,
    Source,
)
from secureload.ledger.records import RecallRecord

if TYPE_CHECKING:
    from secureload.ledger.decisions import Decision

Mode = Literal["always", "changed"]
"""Whether a check reads every file, or those that look different."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Collected:
    """What a collection removed, and how many bytes that gave back."""

    paths: tuple[Path, ...]
    bytes: int


class TrustedCache(Memory, Publishing):
    """The cache below `home`. Making one touches nothing; folders come with the first use.

    `clock` gives the time that records carry. With the URLs `database` and `storage`, many
    machines share a ledger and the content it speaks of, and what lies below `home` is a copy
    that is fetched and measured when it is needed.
    """

    # -- reading -------------------------------------------------------------------------

    def find(self, key: AdmissionKey, *, mode: Mode) -> CacheEntry | None:
        """The admission for a key with its integrity checked, or None when there is none.

        Raises:
            IntegrityError: there is one, and its files or rows are not what was admitted.
            CacheError: the ledger cannot be read.
        """
        return self._found("id", key.digest, lambda _: mode)

    def in_folder(self, name: str, *, mode: Callable[[Source], Mode]) -> CacheEntry | None:
        """The admission that lies in a folder of this name, checked as its source demands.

        Raises:
            IntegrityError: there is one, and its files or rows are not what was admitted.
            CacheError: the ledger cannot be read.
        """
        return self._found("folder", name, mode)

    def _found(self, column: str, value: str, mode: Callable[[Source], Mode]) -> CacheEntry | None:
        if not self._has_ledger:
            return None
        from secureload.ledger import admissions

        with self._rows() as rows:
            admitted = admissions.read(rows, value, column=column)
        if admitted is None:
            return None
        self._check(admitted, mode(admitted.source))
        return self._entry(admitted, warm=True)

    def entries(self) -> tuple[CacheEntry, ...]:
        """Every admission, oldest first; files are not checked.

        Raises:
            IntegrityError: rows of one are not what was recorded.
            CacheError: the ledger cannot be read.
        """
        if not self._has_ledger:
            return ()
        from secureload.ledger import store

        with self._database.read() as session:
            found = [store.admission(session, i) for i in store.admission_ids(session)]
        return tuple(self._entry(admitted, warm=True) for admitted in found if admitted)

    def converted(self, snapshot: Snapshot, key: AdmissionKey) -> tuple[CacheEntry, str] | None:
        """An admission here whose conversion of these very bytes holds, and its sandbox tier.

        It was asked for in the same words, made by the same converters from files of the same
        digests, and its own files are still what they were; what is doubtful is left out.
        """
        if not self._has_ledger:
            return None
        from secureload.ledger import admissions

        with self._rows() as rows:
            found = list(admissions.converted(rows, snapshot.digest, key))
        sources = {file.path for file in snapshot.files}
        for admitted, tier in found:
            made = {file.path for file in admitted.files}
            if not all(
                sources.issuperset(each.inputs) and made.issuperset(each.outputs)
                for each in admitted.conversions
            ):
                continue
            with suppress(IntegrityError, CacheError):
                self._check(admitted, "changed")
                return self._entry(admitted, warm=True), tier
        return None

    def entry(self, id_prefix: str) -> CacheEntry:
        """The one admission whose id begins so; files are not checked.

        Raises:
            NotFoundError: there is none, or more than one.
            IntegrityError: its rows are not what was recorded.
        """
        from secureload.ledger import store

        admission_id = self._resolve(id_prefix)
        with self._database.read() as session:
            admitted = store.admission(session, admission_id)
        if admitted is None:
            raise _no_admission(id_prefix)
        return self._entry(admitted, warm=True)

    def shelf(self, claim: FileClaim, git_oid: str | None = None) -> Path | None:
        """Where the claimed bytes already lie in the cache, or None.

        What lies there was measured once, and is to be measured again by whoever copies it.
        """
        if not self._has_ledger:
            return None
        from secureload.ledger import store

        # With an LFS digest, the git id is that of a pointer and not of the bytes.
        oid = None if claim.sha256 else git_oid or claim.git_oid
        with self._database.read() as session:
            sha256 = store.blob(session, sha256=claim.sha256, git_oid=oid)
        if sha256 is None:
            return None
        path = self.layout.blob(sha256)
        return path if path.is_file() and not path.is_symlink() else None

    # -- writing -------------------------------------------------------------------------

    def decisions(self, source: Source | None = None) -> tuple[Decision, ...]:
        """The newest recorded decision on each snapshot, of one repository or all, oldest first.

        Decisions for which no file was read are left out.

        Raises:
            CacheError: the ledger cannot be read.
            IntegrityError: rows of one are not what was recorded.
        """
        if not self._has_ledger:
            return ()
        from secureload.ledger import decisions

        with self._database.read() as session:
            return decisions.newest(session, source)

    def waiver_uses(self) -> dict[str, tuple[int, str]]:
        """How often each waiver excused a finding, and when last, by the waiver's name.

        Raises:
            CacheError: the ledger cannot be read.
        """
        if not self._has_ledger:
            return {}
        from secureload.ledger import store

        with self._database.read() as session:
            return store.waiver_uses(session)

    def record_verdict(self, decided: Decided, key: AdmissionKey | None = None) -> None:
        """Record a decision that admits nothing, refusals above all.

        With the `key` under which the files were asked for, a refusal takes back what an
        earlier ruleset admitted of the same files under the same policy.

        Raises:
            CacheError: the ledger cannot be written.
        """
        from secureload.ledger import audit, recalls, store

        verdict, at = decided.verdict, self._now()
        event = {"allow": "allowed", "deny": "refused", "error": "undecided"}
        self.layout.create()
        with self._database.write() as session:
            if self.fence is not None:
                self.fence(session)
            verdict_id = store.record_decision(session, decided, at)
            detail = {
                "verdict": verdict_id,
                "repository": decided.listing.source.repository,
                "commit": decided.listing.commit,
                "policy": verdict.policy.digest,
                "rules": sorted(verdict.rules),
                "signature": decided.attestation.status.value,
                "confinement": decided.confinement,
            }
            audit.append(session, at, event[verdict.decision.value], verdict.subject, detail)
            turned = recalls.turned(session, key) if key is not None else ()
            folders = {i: folder for folder, i in store.folders(session).items()} if turned else {}
            recalls.revoke(session, turned, f"refused under verdict {verdict_id}", at)
        self._discard_folders(folders[admission_id] for admission_id in turned)

    def record_load(
        self, entry: CacheEntry, library: str, class_name: str, device: str | None = None
    ) -> str:
        """Record that an admitted folder was handed to a library; returns the record's id.

        Raises:
            CacheError: the ledger cannot be written.
        """
        from secureload.ledger import loads

        with self._rows(write=True) as rows:
            return loads.record(rows, entry.admission, library, class_name, device, self._now())

    def record_device(self, load_id: str, device: str) -> None:
        """Record to which device a load came, where that was not known when it began.

        Raises:
            CacheError: the ledger cannot be written.
        """
        from secureload.ledger import loads

        with self._rows(write=True) as rows:
            loads.placed(rows, load_id, device, self._now())

    # -- recall --------------------------------------------------------------------------

    def recall(self, subject: str, *, reason: str, by: str) -> Recalled:
        """Take back every admission of a subject, and refuse it from now on.

        `subject` is an admission's id or its beginning, `org/name@<commit>`, any other
        reference with a commit, or `sha256:<hex>` of a file, fetched or made.

        Raises:
            UsageError: the subject is none of these.
            NotFoundError: no admission begins so.
            CacheError: the ledger cannot be written.
        """
        from secureload.ledger import recalls, store

        self.layout.create()
        named = recall.subject(subject) or recall.of_entry(self.entry(subject))
        with troubles(self.layout.home), self._locked("store.lock", None):
            with self._database.write() as session:
                folders = {i: folder for folder, i in store.folders(session).items()}
                revoked = recalls.add(session, named, reason, by, self._now())
                handed = recalls.loads(session, revoked)
            for admission_id in revoked:
                discard(self._folder(folders[admission_id]))
        return Recalled(subject=named, admissions=revoked, loads=handed)

    def lift(self, recall_id: str, *, by: str) -> RecallRecord:
        """End a recall, so that its subject is judged by the policy alone again.

        Raises:
            NotFoundError: there is no standing recall with this id.
            CacheError: the ledger cannot be written.
        """
        from secureload.ledger import recalls

        self.layout.create()
        with self._database.write() as session:
            record = recalls.lift(session, recall_id, by, self._now())
        if record is None:
            raise NotFoundError(
                f"no recall {recall_id} stands", hint="`secureload recall --list` shows them"
            )
        return record

    def recalled(self, listing: Listing, digests: Iterable[str] = ()) -> tuple[RecallRecord, ...]:
        """The recalls that hold for a commit, or for files of these SHA-256."""
        if not self._has_ledger:
            return ()
        from secureload.ledger import recalls

        subjects = [recall.of_commit(listing.source, listing.commit)]
        subjects += [f"sha256:{digest}" for digest in digests]
        with self._database.read() as session:
            return recalls.standing(session, subjects)

    def bring_waivers(self) -> bool:
        """Have here the waivers approved on other machines of an installation; true if any is new.

        Raises:
            CacheError: the ledger cannot be read, or the disk refused.
        """
        from secureload.cache import waivers

        return waivers.bring(self._database, self.layout.home)

    def recalls(self) -> tuple[RecallRecord, ...]:
        """All recalls, lifted ones too, newest first."""
        if not self._has_ledger:
            return ()
        from secureload.ledger import recalls

        with self._database.read() as session:
            return recalls.every(session)

    # -- upkeep --------------------------------------------------------------------------

    def remove(self, id_prefix: str) -> str:
        """Remove one admission and return its id; its content stays until collected.

        Raises:
            NotFoundError: there is none with this prefix, or more than one.
            CacheError: the ledger cannot be written.
        """
        from secureload.ledger import store

        with troubles(self.layout.home), self._locked("store.lock", None):
            admission_id = self._resolve(id_prefix)
            with self._database.write() as session:
                folders = {i: folder for folder, i in store.folders(session).items()}
                store.remove(session, admission_id, self._now())
            discard(self._folder(folders[admission_id]))
            return admission_id

    def collect_garbage(self) -> Collected:
        """Remove what no admission needs: content, unknown folders, dead work in progress.

        No age guard: publishing holds the same lock, so content on its way into an
        admission is never seen without it.

        Raises:
            CacheError: the ledger cannot be read or written, or the disk refused.
        """
        from secureload.ledger import store

        if not self.layout.home.exists():
            return Collected(paths=(), bytes=0)
        self.layout.create()
        with troubles(self.layout.home), self._locked("store.lock", None):
            paths = soundness.leftovers(self.layout, self._database)
            freed = sum(_bytes_below(path) for path in paths)
            if self._database.exists:
                with self._database.write() as session:
                    stale = store.blobs(session).keys() - store.used_blobs(session)
                    store.forget_blobs(session, stale)
            # Only now: content without a row is a leftover, a row without content damage.
            sweep(self.layout)
            for path in paths:
                if path.parent != self.layout.quarantine:
                    discard(path)
        return Collected(paths=tuple(paths), bytes=freed)

    def verify(self, *, deep: bool = True) -> list[Problem]:
        """Compare the whole cache with its ledger; an empty list means it is sound.

        `deep` reads every byte; otherwise only files that look different.

        Raises:
            CacheError: the ledger cannot be read.
        """
        if not self._has_ledger:
            return [
                Problem(subject=path.name, message="lies in the cache, but there is no ledger")
                for path in soundness.leftovers(self.layout, self._database)
                if path.parent == self.layout.models
            ]
        return list(
            soundness.problems(self.layout, self._database, deep=deep, objects=self._objects)
        )

    def leftovers(self) -> list[Path]:
        """What `collect_garbage` would remove."""
        return soundness.leftovers(self.layout, self._database)

    @property
    def audit(self) -> AuditLog:
        """The audit log: verify, export, checkpoint."""
        return AuditLog(self._database)

    def _resolve(self, id_prefix: str) -> str:
        from secureload.ledger import store

        found: tuple[str, ...] = ()
        if self._database.exists:
            with self._database.read() as session:
                found = store.admission_ids(session, id_prefix)
        if len(found) == 1 and id_prefix:
            return found[0]
        if found:
            raise NotFoundError(
                f"`{id_prefix}` may begin any of {len(found)} admissions", hint="give more digits"
            )
        raise _no_admission(id_prefix)


def _no_admission(id_prefix: str) -> NotFoundError:
    return NotFoundError(
        f"no admission begins with `{id_prefix}`", hint="`secureload cache list` shows them"
    )


def _bytes_below(path: Path) -> int:
    """Bytes that removing `path` gives back: files with another name give none."""
    if path.is_symlink() or not path.is_dir():
        status = path.lstat()
        return status.st_size if status.st_nlink == 1 else 0
    return sum(_bytes_below(below) for below in path.iterdir())
