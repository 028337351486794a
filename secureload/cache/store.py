"""Where a cache lies, its locks, and the ledger and the content that may be on servers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from secureload.cache import integrity
from secureload.cache.layout import Layout, discard, troubles
from secureload.cache.objects import Objects, bring
from secureload.cache.work import work
from secureload.errors import CacheError, IntegrityError
from secureload.flow import CacheEntry, EvidenceFile
from secureload.ledger.records import Admitted
from secureload.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from secureload.ledger.database import Database
    from secureload.ledger.plain import Rows

Progress = Callable[[str, int, int], None]


class Store:
    """What every verb of the cache needs. Making one touches nothing.

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
    ) -> Self:
        """The cache that the settings name, its ledger and content perhaps on servers."""
        return cls(settings.home, clock=clock, database=settings.database, storage=settings.storage)

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

    @property
    def _database(self) -> Database:
        if self._opened is None:
            from secureload.ledger.database import Database

            lock = self.layout.locks / "ledger.lock"
            self._opened = Database(self.layout.database, lock, self._url)
        return self._opened

    @contextmanager
    def _rows(self, *, write: bool = False) -> Iterator[Rows]:
        """The ledger in one transaction, through SQLAlchemy only where it has to be.

        Raises:
            CacheError: the ledger is damaged, or cannot be read or written.
        """
        from secureload.ledger import plain

        path = self.layout.database
        if not self._url and plain.newest(path):
            with plain.transaction(path, write=write) as rows:
                yield rows
            return
        opened = self._database.write(durable=False) if write else self._database.read()
        with opened as session:
            yield plain.of_session(session)

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
