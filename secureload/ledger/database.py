"""The ledger's database: opened, brought to the newest schema, its troubles in our words.

A SQLite file, or where a URL is given a PostgreSQL server: the same tables, the same
migrations, and the same promise that one transaction writes at a time.
"""

from __future__ import annotations

import functools
import os
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
from sqlalchemy import Connection, Engine, create_engine, event, exc, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from secureload.errors import CacheError
from secureload.ledger import postgres
from secureload.ledger.tables import HEAD

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parent / "migrations"

_WAIT = 60.0
"""Seconds to wait for another process's transaction; ours take milliseconds."""

_UP_TO_DATE: set[tuple[Path, int, int] | str] = set()
"""Ledgers that this process has seen at the newest schema: path, device, inode; or a URL."""


class Database:
    """A ledger; nothing is touched before the first `read` or `write`.

    `url` names a PostgreSQL server, as SQLAlchemy reads it; without one it is the file `path`.
    """

    def __init__(self, path: Path, lock: Path, url: str = "") -> None:
        self.path = path
        self.url = url
        self._lock = lock

    @property
    def exists(self) -> bool:
        """True when there is a ledger to read; on a server there always is."""
        return bool(self.url) or self.path.exists()

    def create(self) -> None:
        """Make the ledger if there is none, and bring its schema up to date.

        Raises:
            CacheError: it is damaged, unwritable or of another version.
        """
        with self._troubles():
            self._prepare()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one consistent state and writes nothing.

        Raises:
            CacheError: the ledger is damaged, unreadable or of another version.
        """
        with self._troubles():
            self._prepare()
            with Session(self._engine()) as session:
                yield session

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Session]:
        """A session in one exclusive transaction, committed when the block ends well.

        `durable` waits for the disk; without it a power failure, though no crash of a
        process, may lose the newest transactions.

        Raises:
            CacheError: the ledger is damaged, unwritable or of another version.
        """
        with self._troubles():
            self._prepare()
            engine = self._engine().execution_options(
                writes=True, synchronous="FULL" if durable else "NORMAL"
            )
            with Session(engine) as session, session.begin():
                yield session

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Let one process of all that share a server do what has this name; others wait.

        Around a file this does nothing: there, lock files do it.

        Raises:
            CacheError: the server cannot be reached.
        """
        if not self.url:
            yield
            return
        with self._troubles(), postgres.alone(self._engine(), name):
            yield

    def _engine(self) -> Engine:
        return postgres.engine(self.url) if self.url else _engine(self.path)

    def _troubles(self) -> AbstractContextManager[None]:
        return postgres.troubles(self.url) if self.url else troubles(self.path)

    def _prepare(self) -> None:
        if self.url:
            if self.url not in _UP_TO_DATE:
                self._migrate_server()
                _UP_TO_DATE.add(self.url)
            return
        if self._identity() in _UP_TO_DATE:
            return
        if not self.exists or self._version() != HEAD:
            with filelock.FileLock(self._lock, timeout=_WAIT):
                self._migrate()
        _UP_TO_DATE.add(self._identity())

    def _identity(self) -> tuple[Path, int, int]:
        with suppress(FileNotFoundError):
            status = self.path.stat()
            return self.path, status.st_dev, status.st_ino
        return self.path, 0, 0

    def _version(self) -> str | None:
        """The schema's version, None for an empty file."""
        with _engine(self.path).connect() as connection:
            tables = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))
            return _version(connection, set(tables.scalars()), str(self.path))

    def _migrate_server(self) -> None:
        """Bring a server's schema up to date; others that do so at the same time wait."""
        with self._engine().execution_options(writes=True).begin() as bound:
            names = postgres.tables(bound)
            version = _version(bound, names, postgres.shown(self.url))
            if version != HEAD:
                _upgrade(bound, version, postgres.shown(self.url))

    def _migrate(self) -> None:
        if not self.exists:
            os.close(os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        version = self._version()
        if version == HEAD:
            return  # another process did it while this one waited
        _known(version, str(self.path))
        connection = sqlite3.connect(self.path, timeout=_WAIT)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        finally:
            connection.close()
        with _engine(self.path).execution_options(writes=True).begin() as bound:
            _upgrade(bound, version, str(self.path))


def _version(connection: Connection, names: set[str], where: str) -> str | None:
    if "alembic_version" in names:
        version = connection.execute(text("SELECT version_num FROM alembic_version"))
        return str(version.scalar_one_or_none())
    if names:
        raise CacheError(
            f"{where} is a database, but no ledger of secureload",
            hint="move it away, or set SECURELOAD_HOME to a folder of its own",
        )
    return None


def _known(version: str | None, where: str) -> Config:
    """How Alembic finds the migrations, if it knows this version."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise CacheError(
            f"{where} has schema version {version}, newer than this secureload knows",
            hint="upgrade secureload, or set SECURELOAD_HOME to another folder",
        )
    return config


def _upgrade(bound: Connection, version: str | None, where: str) -> None:
    from alembic import command

    config = _known(version, where)
    config.attributes["connection"] = bound
    command.upgrade(config, "head")


@functools.lru_cache(maxsize=64)
def _engine(path: Path) -> Engine:
    # No pool: a connection costs 0.1 ms, and none is shared across threads or a fork.
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(path, timeout=_WAIT, isolation_level=None),
        poolclass=NullPool,
    )
    event.listen(engine, "connect", _connected)
    event.listen(engine, "begin", _begun)
    return engine


def _connected(connection: sqlite3.Connection, _: Any) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")


def _begun(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("writes"):
        connection.exec_driver_sql(f"PRAGMA synchronous = {options.get('synchronous', 'FULL')}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql("BEGIN")


_HINTS = {
    "SQLITE_FULL": ("the disk is full", "free some space; `secureload cache gc` may help"),
    "SQLITE_BUSY": ("another process holds it", "try again when that process is done"),
    "SQLITE_READONLY": ("it cannot be written", "check the permissions of SECURELOAD_HOME"),
    "SQLITE_PERM": ("it cannot be opened", "check the permissions of SECURELOAD_HOME"),
    "SQLITE_CANTOPEN": ("it cannot be opened", "check the permissions of SECURELOAD_HOME"),
    "SQLITE_IOERR": ("the disk reports an error", "check the disk, and the space left on it"),
}
_DAMAGED = (
    "it is damaged",
    "move it away with its `-wal` and `-shm` files; models are then admitted afresh",
)


@contextmanager
def troubles(path: Path) -> Iterator[None]:
    """Turn what SQLite, SQLAlchemy and the lock raise into a `CacheError` about `path`.

    Raises:
        CacheError: any of them failed; the message says how.
    """
    try:
        yield
    except (exc.DBAPIError, sqlite3.Error) as error:
        origin = error.orig if isinstance(error, exc.DBAPIError) else error
        name = str(getattr(origin, "sqlite_errorname", ""))
        found = next((hint for start, hint in _HINTS.items() if name.startswith(start)), _DAMAGED)
        raise CacheError(f"the ledger {path}: {found[0]} ({origin})", hint=found[1]) from error
    except exc.SQLAlchemyError as error:
        raise CacheError(f"the ledger {path}: {_DAMAGED[0]} ({error})", hint=_DAMAGED[1]) from error
    except UnicodeEncodeError as error:
        raise CacheError(
            f"the ledger {path} cannot hold the name {error.object!r}, which is not valid Unicode",
            hint="rename the folder or file, and try again",
        ) from error
    except filelock.Timeout as error:
        raise CacheError(
            f"the ledger {path}: another process has been opening it for {_WAIT:.0f} s",
            hint="try again when that process is done",
        ) from error
    finally:
        # SQLite makes these two as the umask says; the ledger is its owner's alone.
        for suffix in ("-wal", "-shm"):
            with suppress(OSError):
                beside = path.with_name(path.name + suffix)
                if beside.stat().st_mode & 0o077:
                    beside.chmod(0o600)
