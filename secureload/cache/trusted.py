"""The trusted cache, as the gate and the command line use it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from secureload.cache import integrity, recall, soundness
from secureload.cache.layout import Layout, discard, troubles
from secureload.cache.log import AuditLog
from secureload.cache.objects import Objects, bring
from secureload.cache.publish import Placed, place, stage, stage_documents
from secureload.cache.recall import Recalled
from secureload.cache.soundness import Problem
from secureload.cache.work import sweep, work
from secureload.digests import in_threads
from secureload.errors import CacheError, IntegrityError, NotFoundError
from secureload.flow import (
    AdmissionKey,
    Artifact,
    CacheEntry,
    Decided,
    EvidenceFile,
    FileClaim,
    Listing,
    Source,
)
from secureload.ledger.records import Admitted, RecallRecord, Stamp
from secureload.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from secureload.ledger.database import Database
    from secureload.ledger.decisions import Decision

Progress = Callable[[str, int, int], None]

_NO_EVIDENCE: Mapping[str, bytes] = MappingProxyType({})

_RACY_NS = 2_000_000_000
"""A file changed this recently may change again within one tick of its clock."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Collected:
    """What a collection removed, and how many bytes that gave back."""

    paths: tuple[Path, ...]
    bytes: int


class TrustedCache:
    """The cache below `home`. Making one touches nothing; folders come with the first use.

    `clock` gives the time that records carry. With the URLs `database` and `storage`, many
    machines share a ledger and the content it speaks of, and what lies below `home` is a copy
    that is fetched and measured when it is needed.
    """

    def __init__(
        self,
        home: Path,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        database: str = "",
        storage: str = "",
    ) -> None:
        self.layout = Layout(home)
        self.fence: Callable[[Session], None] | None = None
        """Raises in the transaction that publishes, where the right to do so was lost."""
        self._clock = clock
        self._url = database
        self._objects = Objects(storage) if storage else None
        self._opened: Database | None = None

    @classmethod
    def of(
        cls, settings: Settings, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> TrustedCache:
        """The cache that the settings name, its ledger and content perhaps on servers."""
        return cls(settings.home, clock=clock, database=settings.database, storage=settings.storage)

    # -- work in progress ----------------------------------------------------------------

    def work(self) -> AbstractContextManager[Path]:
        """A fresh folder in quarantine, always removed at the end.

        Leftovers of processes that died are removed on the way.

        Raises:
            CacheError: it cannot be made.
        """
        return work(self.layout)

    @contextmanager
    def lock(self, key_digest: str, *, progress: Progress | None = None) -> Iterator[None]:
        """Let one process at a time work on an admission; the others wait here.

        Raises:
            CacheError: the lock cannot be made.
        """
        with self._locked(f"{key_digest}.lock", progress):
            # A worker of the queue has one job a key already, and must not wait for one that is
            # late and still holds the lock: the fence is what keeps that one out.
            if not self._url or self.fence is not None:
                yield
                return
            with self._database.alone(key_digest):
                yield

    # -- reading -------------------------------------------------------------------------

    def find(self, key: AdmissionKey, *, mode: Literal["always", "changed"]) -> CacheEntry | None:
        """The admission for a key with its integrity checked, or None when there is none.

        Raises:
            IntegrityError: there is one, and its files or rows are not what was admitted.
            CacheError: the ledger cannot be read.
        """
        if not self._has_ledger:
            return None
        from secureload.ledger import store

        with self._database.read() as session:
            admitted = store.admission(session, key.digest)
        if admitted is None:
            return None
        self._check(admitted, mode)
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

    def publish(
        self,
        key: AdmissionKey,
        artifact: Artifact,
        decided: Decided,
        *,
        evidence: Mapping[str, bytes] = _NO_EVIDENCE,
        verifier: str = "",
    ) -> CacheEntry:
        """Admit an artifact: after this, `find` has it; after a crash, as before or as after.

        `evidence` are the documents about it by name, kept with it or not at all; `verifier`
        is the key id of whoever decided, where that was elsewhere. When another process has
        published the same files for this key, theirs are kept, and their evidence.

        Raises:
            IntegrityError: the approval is for other files, or the artifact's files are not
                what it says.
            CacheError: the disk or the ledger refused; the cache is as it was.
        """
        from secureload.ledger import audit, memory, store

        _check_permission(key, artifact, decided)
        with self.work() as scratch, troubles(self.layout.home):
            staged = stage(artifact, scratch / "staged")
            documents = stage_documents(evidence, scratch / "evidence")
            if (objects := self._objects) is not None:
                in_threads(
                    lambda item: objects.keep(item.digests.sha256, item.digests.size, item.place),
                    [*staged, *documents],
                )
            with self._locked("store.lock", None):
                self._database.create()  # no folder in `models/` is older than the ledger
                old = self._standing(key)
                if old and _same(old, artifact, decided, evidence, verifier):
                    return self._entry(old, warm=False)
                replaced = self._clear_unrecorded(key.digest)
                done, at = Placed(), self._now()
                try:
                    place(self.layout, staged, key.digest, scratch, done, documents)
                    with self._database.write() as session:
                        if self.fence is not None:
                            self.fence(session)
                        theirs = self._overtaking(session, key)
                        if theirs and _same(theirs, artifact, decided, evidence, verifier):
                            raise _Overtaken(theirs)
                        for before, after in done.restamped:
                            store.restamp(session, before, after)
                        for sha256 in done.replaced_blobs:
                            audit.append(session, at, "blob-replaced", sha256, {})
                        store.record_admission(
                            session, key, decided, done.files, artifact.conversions,
                            folder=done.folder.name if done.folder else "", at=at,
                            evidence=done.evidence, verifier=verifier,
                        )  # fmt: skip
                        memory.remember(session, decided.listing, at)
                        memory.admitted(session, decided.listing, at)
                except _Overtaken as overtaken:
                    done.undo()
                    self._check(overtaken.theirs, "always", locked=True)
                    return self._entry(overtaken.theirs, warm=False)
                except BaseException:
                    done.undo()
                    raise
                for folder in replaced:
                    discard(folder)
                with self._database.read() as session:
                    admitted = store.admission(session, key.digest)
        if admitted is None:
            raise CacheError(
                "the admission was removed as soon as it was published", hint="try again"
            )
        return self._entry(admitted, warm=False)

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
    ) -> None:
        """Record that an admitted folder was handed to a library.

        Raises:
            CacheError: the ledger cannot be written.
        """
        from secureload.ledger import store

        with self._database.write(durable=False) as session:
            store.record_load(session, entry.admission, library, class_name, device, self._now())

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

    def recalls(self) -> tuple[RecallRecord, ...]:
        """All recalls, lifted ones too, newest first."""
        if not self._has_ledger:
            return ()
        from secureload.ledger import recalls

        with self._database.read() as session:
            return recalls.every(session)

    # -- memory --------------------------------------------------------------------------

    def remember(self, listing: Listing) -> None:
        """Record that a source's revision led to a commit.

        Raises:
            CacheError: the ledger cannot be written.
        """
        from secureload.ledger import memory

        self.layout.create()
        with self._database.write(durable=False) as session:
            memory.remember(session, listing, self._now())

    def latest(self, source: Source) -> str | None:
        """The commit that a revision last led to, among those admitted; None if none is."""
        if not self._has_ledger:
            return None
        from secureload.ledger import memory

        with self._database.read() as session:
            return memory.latest(session, source)

    def head(self, source: Source) -> str | None:
        """The commit that a revision came to last, of those admitted; None if it came to none."""
        if not self._has_ledger:
            return None
        from secureload.ledger import memory

        with self._database.read() as session:
            return memory.head(session, source)

    def admitted(self, listing: Listing) -> None:
        """Record that a revision led to a commit which had been admitted before.

        Raises:
            CacheError: the ledger cannot be written.
        """
        from secureload.ledger import memory

        with self._database.write(durable=False) as session:
            memory.admitted(session, listing, self._now())

    def first_id(self, scope: str, identity: str) -> str:
        """The first id met for a repository or account; this one, and recorded, if none was.

        Raises:
            CacheError: the ledger cannot be written.
        """
        from secureload.ledger import memory

        self.layout.create()
        with self._database.write(durable=False) as session:
            return memory.first_id(session, scope, identity, self._now())

    def commits(self, source: Source) -> tuple[str, ...]:
        """Every admitted commit of a repository, oldest admission first."""
        if not self._has_ledger:
            return ()
        from secureload.ledger import memory

        with self._database.read() as session:
            return memory.commits(session, source)

    def first_seen(self, kind: str, subject: str) -> datetime:
        """When this ledger first met a subject; now, and recorded, if it never did.

        Raises:
            CacheError: the ledger cannot be written.
        """
        from secureload.ledger import memory

        self.layout.create()
        with self._database.write(durable=False) as session:
            return memory.first_seen(session, kind, subject, self._now())

    def known_digest(self, path: Path, status: os.stat_result) -> str | None:
        """The recorded SHA-256 of a file outside the cache, if nothing about it changed."""
        if not self._has_ledger:
            return None
        from secureload.ledger import memory

        with self._database.read() as session:
            return memory.known_digest(session, path, Stamp.of(status))

    def remember_digest(self, path: Path, status: os.stat_result, sha256: str) -> None:
        """Record the SHA-256 of a file outside the cache, unless it changed just now."""
        if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) < _RACY_NS:
            return
        from secureload.ledger import memory

        self.layout.create()
        with self._database.write(durable=False) as session:
            memory.remember_digest(session, path, Stamp.of(status), sha256)

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

    # -- inside --------------------------------------------------------------------------

    @property
    def _database(self) -> Database:
        if self._opened is None:
            from secureload.ledger.database import Database

            lock = self.layout.locks / "ledger.lock"
            self._opened = Database(self.layout.database, lock, self._url)
        return self._opened

    @property
    def _has_ledger(self) -> bool:
        """Whether there is one to read, told without importing what reads it."""
        return bool(self._url) or self.layout.database.exists()

    def _now(self) -> str:
        return self._clock().astimezone(UTC).isoformat(timespec="microseconds")

    @contextmanager
    def _locked(self, name: str, progress: Progress | None) -> Iterator[None]:
        import filelock

        self.layout.create()
        lock = filelock.FileLock(self.layout.locks / name, thread_local=False)
        with troubles(self.layout.home):
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                if progress is not None:
                    progress("waiting for another process", 0, 0)
                lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _discard_folders(self, names: Iterable[str]) -> None:
        """Remove the folders of admissions that are no longer on record."""
        for name in names:
            with troubles(self.layout.home), self._locked("store.lock", None):
                discard(self._folder(name))

    def _check(
        self, admitted: Admitted, mode: Literal["always", "changed"], *, locked: bool = False
    ) -> None:
        folder = self._folder(admitted.folder)
        if self._objects is not None:
            mode = "always"  # how files look is on record as another machine saw them
        result = integrity.check(folder, admitted.files, mode=mode)
        if result.problems and self._objects is not None:
            lock = nullcontext() if locked else self._locked("store.lock", None)
            with self.work() as scratch, troubles(self.layout.home), lock:
                bring(self.layout, self._objects, admitted, folder, scratch)
            result = integrity.check(folder, admitted.files, mode=mode)
        if result.problems:
            listed = "\n".join(f"  - {problem}" for problem in result.problems)
            raise IntegrityError(
                f"the cached model {admitted.source} (admission {admitted.id[:12]}) "
                f"is not what was admitted:\n{listed}",
                hint="`secureload cache verify` checks everything; `secureload cache rm "
                f"{admitted.id[:12]}` removes this one, to be admitted afresh",
            )
        if result.restamped and self._objects is None:
            from secureload.ledger import store

            # Only a shortcut for the next check, which a read-only cache does without.
            with suppress(CacheError), self._database.write(durable=False) as session:
                for path, stamp in result.restamped:
                    store.restamp_file(session, admitted.id, path, stamp)

    def _standing(self, key: AdmissionKey) -> Admitted | None:
        """The admission for a key if it is intact; a damaged one is to be replaced."""
        if not self._database.exists:
            return None
        from secureload.ledger import store

        try:
            with self._database.read() as session:
                admitted = store.admission(session, key.digest)
            if admitted is not None:
                self._check(admitted, "always", locked=True)
        except IntegrityError:
            return None
        return admitted

    def _overtaking(self, session: Session, key: AdmissionKey) -> Admitted | None:
        """The admission that another machine has published since this one looked."""
        if self._objects is None:
            return None  # on one machine, the store's lock has kept others out
        from secureload.ledger import store

        with suppress(IntegrityError):  # edited rows: to be replaced
            return store.admission(session, key.digest)
        return None

    def _clear_unrecorded(self, admission_id: str) -> list[Path]:
        """Remove what an earlier crash left where this admission's folder belongs.

        Returns the folders that the ledger does know, to be removed once it no longer does.
        """
        from secureload.ledger import store

        recorded: set[str] = set()
        if self._database.exists:
            with self._database.read() as session:
                recorded = set(store.folders(session))
        present = list(self.layout.models.glob(f"{admission_id}*"))
        for path in present:
            if path.name not in recorded:
                discard(path)
        return [path for path in present if path.name in recorded]

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
                f"{len(found)} admissions begin with `{id_prefix}`", hint="give more digits"
            )
        raise _no_admission(id_prefix)

    def _folder(self, name: str) -> Path:
        """Where an admission lies; the name comes from the ledger, which may be damaged."""
        if name != Path(name).name or name in {"", ".", ".."}:
            raise IntegrityError(f"the ledger names an impossible folder {name!r}")
        return self.layout.models / name

    def _entry(self, admitted: Admitted, *, warm: bool) -> CacheEntry:
        return CacheEntry(
            admission=admitted.id,
            path=self._folder(admitted.folder),
            source=admitted.source,
            commit=admitted.key.commit,
            files=tuple(file.plain for file in admitted.files),
            verdict=admitted.verdict,
            conversions=admitted.conversions,
            warm=warm,
            evidence=tuple(
                EvidenceFile(
                    name=document.name,
                    size=document.size,
                    sha256=document.sha256,
                    path=self.layout.blob(document.sha256),
                )
                for document in admitted.evidence
            ),
            verifier=admitted.verifier,
        )


class _Overtaken(Exception):  # noqa: N818
    """Another machine has published the same."""

    def __init__(self, theirs: Admitted) -> None:
        self.theirs = theirs


def _check_permission(key: AdmissionKey, artifact: Artifact, decided: Decided) -> None:
    approval, snapshot = decided.approval, decided.snapshot
    if approval is None or snapshot is None:
        raise IntegrityError("only what was approved can be published")
    listing = decided.listing
    agreed = (
        approval.verdict == decided.verdict,
        approval.snapshot_digest == snapshot.digest == artifact.snapshot.digest,
        (key.kind, key.repository, key.commit)
        == (listing.source.kind, listing.source.repository, listing.commit),
        key.policy == decided.verdict.policy.digest,
        key.ruleset == decided.verdict.ruleset,
    )
    if not all(agreed):
        raise IntegrityError("the approval is for other files than those to be published")


def _same(
    old: Admitted,
    artifact: Artifact,
    decided: Decided,
    evidence: Mapping[str, bytes],
    verifier: str,
) -> bool:
    if evidence and not old.evidence:
        return False  # admitted before there was a key to sign with
    return old.verifier == verifier and (
        sorted((f.path, f.size, f.sha256) for f in old.files)
        == sorted((f.path, f.size, f.sha256) for f in artifact.files)
        and old.verdict == decided.verdict
        and old.conversions == artifact.conversions
    )


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
