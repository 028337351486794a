"""The ledger without SQLAlchemy, for what every warm load asks of it.

Importing SQLAlchemy takes longer than all of a warm load. So what such a load asks is plain
SQL that both databases read: a file is asked through `sqlite3` alone, a server through a
session like everything else.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol

from secureload.errors import CacheError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

HEAD = "0004"
"""The newest migration: the schema that `tables` describes."""

WAIT = 60.0
"""Seconds to wait for another process's transaction; ours take milliseconds."""

_NEWEST: set[tuple[Path, int, int]] = set()
"""Files that this process has seen at the newest schema: path, device, inode."""


class Rows(Protocol):
    """Gives the rows of a statement, each with its columns as attributes."""

    def __call__(self, statement: str, /, **given: object) -> Sequence[Any]:
        """Run one statement; `:name` in it stands for a value given."""


def of_session(session: Session) -> Rows:
    """The rows of a session's transaction."""
    from sqlalchemy import text

    def rows(statement: str, /, **given: object) -> Sequence[Any]:
        result = session.execute(text(statement), given)
        return result.all() if result.returns_rows else ()  # type: ignore[attr-defined]

    return rows


def connect(path: Path) -> sqlite3.Connection:
    """A connection that begins no transaction by itself and trusts no schema."""
    connection = sqlite3.connect(path, timeout=WAIT, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


@contextmanager
def transaction(path: Path, *, write: bool = False) -> Iterator[Rows]:
    """The rows of a file at the newest schema, in one transaction.

    One that writes is committed when the block ends well; a power failure, though no crash
    of a process, may lose it.

    Raises:
        CacheError: the ledger is damaged, or cannot be read or written.
    """
    with troubles(path):
        connection = connect(path)
        connection.row_factory = _row
        try:
            if write:
                connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            yield lambda statement, /, **given: connection.execute(statement, given).fetchall()
            connection.execute("COMMIT")
        finally:
            connection.close()  # which takes back what was not committed


def newest(path: Path) -> bool:
    """Whether this is a ledger at the newest schema; False also where it cannot be told."""
    try:
        status = path.stat()
    except OSError:
        return False
    identity = (path, status.st_dev, status.st_ino)
    if identity not in _NEWEST:
        with suppress(sqlite3.Error):
            connection = sqlite3.connect(path, timeout=WAIT)
            try:
                found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            finally:
                connection.close()
            if found == [(HEAD,)]:
                _NEWEST.add(identity)
    return identity in _NEWEST


def _row(cursor: sqlite3.Cursor, values: tuple[Any, ...]) -> SimpleNamespace:
    names = (column[0] for column in cursor.description)
    return SimpleNamespace(**dict(zip(names, values, strict=True)))


_HINTS = {
    "SQLITE_FULL": ("the disk is full", "free some space; `secureload cache gc` may help"),
    "SQLITE_BUSY": ("another process holds it", "try again when that process is done"),
    "SQLITE_READONLY": ("it cannot be written", "check the permissions of SECURELOAD_HOME"),
    "SQLITE_PERM": ("it cannot be opened", "check the permissions of SECURELOAD_HOME"),
    "SQLITE_CANTOPEN": ("it cannot be opened", "check the permissions of SECURELOAD_HOME"),
    "SQLITE_IOERR": ("the disk reports an error", "check the disk, and the space left on it"),
}
DAMAGED = (
    "it is damaged",
    "move it away with its `-wal` and `-shm` files; models are then admitted afresh",
)


@contextmanager
def troubles(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into a `CacheError` about the ledger `path`.

    Raises:
        CacheError: it failed; the message says how.
    """
    try:
        yield
    except sqlite3.Error as error:
        name = str(getattr(error, "sqlite_errorname", ""))
        found = next((hint for start, hint in _HINTS.items() if name.startswith(start)), DAMAGED)
        raise CacheError(f"the ledger {path}: {found[0]} ({error})", hint=found[1]) from error
    except UnicodeEncodeError as error:
        raise CacheError(
            f"the ledger {path} cannot hold the name {error.object!r}, which is not valid Unicode",
            hint="rename the folder or file, and try again",
        ) from error
    finally:
        # SQLite makes these two as the umask says; the ledger is its owner's alone.
        for suffix in ("-wal", "-shm"):
            with suppress(OSError):
                beside = path.with_name(path.name + suffix)
                if beside.stat().st_mode & 0o077:
                    beside.chmod(0o600)
