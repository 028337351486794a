"""The ledger's database: opened, brought to the newest schema, its troubles in our words.

A SQLite file, or where a URL is given a PostgreSQL server: the same tables, the same
migrations, and the same promise that one transaction writes at a time.
"""

from __future__ import annotations

import functools
import os
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
from sqlalchemy import Connection, Engine, create_engine, event, exc, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from secureload.errors import CacheError, SecureloadError
from secureload.ledger import plain, postgres
from secureload.ledger.plain import HEAD

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parent / "migrations"

_UP_TO_DATE: set[str] = set()
"""URLs of ledgers that this process has seen at the newest schema."""


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
        if not plain.newest(self.path):
            try:
                with filelock.FileLock(self._lock, timeout=plain.WAIT):
                    self._migrate()
            except (SecureloadError, filelock.Timeout):
                raise
            except OSError as error:
                raise CacheError(
                    f"the ledger {self.path}: {error.strerror or error} ({error.filename})",
                    hint="SECURELOAD_HOME must be writable, also for what only reads it",
                ) from error

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
        connection = sqlite3.connect(self.path, timeout=plain.WAIT)
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
        creator=lambda: plain.connect(path),
        poolclass=NullPool,
    )
    event.listen(engine, "begin", _begun)
    return engine


def _begun(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("writes"):
        connection.exec_driver_sql(f"PRAGMA synchronous = {options.get('synchronous', 'FULL')}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql("BEGIN")


@contextmanager
def troubles(path: Path) -> Iterator[None]:
    """Turn what SQLite, SQLAlchemy and the lock raise into a `CacheError` about `path`.

    Raises:
        CacheError: any of them failed; the message says how.
    """
    with plain.troubles(path):
        try:
            yield
        except exc.DBAPIError as error:
            if isinstance(error.orig, sqlite3.Error):
                raise error.orig from error
            raise _damaged(path, error) from error
        except exc.SQLAlchemyError as error:
            raise _damaged(path, error) from error
        except filelock.Timeout as error:
            raise CacheError(
                f"the ledger {path}: another process has been opening it for {plain.WAIT:.0f} s",
                hint="try again when that process is done",
            ) from error


def _damaged(path: Path, error: Exception) -> CacheError:
    what, hint = plain.DAMAGED
    return CacheError(f"the ledger {path}: {what} ({error})", hint=hint)
