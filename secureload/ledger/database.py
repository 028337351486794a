"""The SQLite file: opened, brought to the newest schema, its troubles put into our words."""

from __future__ import annotations

import functools
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import filelock
from sqlalchemy import Connection, Engine, create_engine, event, exc, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from secureload.errors import CacheError
from secureload.ledger.tables import HEAD

_MIGRATIONS = Path(__file__).parent / "migrations"

_WAIT = 60.0
"""Seconds to wait for another process's transaction; ours take milliseconds."""

_UP_TO_DATE: set[tuple[Path, int, int]] = set()
"""Ledger files that this process has seen at the newest schema: path, device, inode."""


class Database:
    """A ledger file; nothing is touched before the first `read` or `write`."""

    def __init__(self, path: Path, lock: Path) -> None:
        self.path = path
        self._lock = lock

    @property
    def exists(self) -> bool:
        """True when there is a ledger to read."""
        return self.path.exists()

    def create(self) -> None:
        """Make the ledger if there is none, and bring its schema up to date.

        Raises:
            CacheError: it is damaged, unwritable or of another version.
        """
        with troubles(self.path):
            self._prepare()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one consistent state and writes nothing.

        Raises:
            CacheError: the ledger is damaged, unreadable or of another version.
        """
        with troubles(self.path):
            self._prepare()
            with Session(_engine(self.path)) as session:
                yield session

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Session]:
        """A session in one exclusive transaction, committed when the block ends well.

        `durable` waits for the disk; without it a power failure, though no crash of a
        process, may lose the newest transactions.

        Raises:
            CacheError: the ledger is damaged, unwritable or of another version.
        """
        with troubles(self.path):
            self._prepare()
            engine = _engine(self.path).execution_options(
                writes=True, synchronous="FULL" if durable else "NORMAL"
            )
            with Session(engine) as session, session.begin():
                yield session

    def _prepare(self) -> None:
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
            names = set(tables.scalars())
            if "alembic_version" in names:
                version = connection.execute(text("SELECT version_num FROM alembic_version"))
                return str(version.scalar_one_or_none())
            if names:
                raise CacheError(
                    f"{self.path} is a database, but no ledger of secureload",
                    hint="move it away, or set SECURELOAD_HOME to a folder of its own",
                )
            return None

    def _migrate(self) -> None:
        from alembic import command
        from alembic.config import Config
        from alembic.script import ScriptDirectory

        if not self.exists:
            os.close(os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        version = self._version()
        if version == HEAD:
            return  # another process did it while this one waited
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if version is not None and version not in known:
            raise CacheError(
                f"{self.path} has schema version {version}, newer than this secureload knows",
                hint="upgrade secureload, or set SECURELOAD_HOME to another folder",
            )
        connection = sqlite3.connect(self.path, timeout=_WAIT)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        finally:
            connection.close()
        with _engine(self.path).execution_options(writes=True).begin() as bound:
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
