"""PostgreSQL in SQLite's place: connections, one writer at a time, its troubles in our words.

Transactions that write hold an advisory lock from their first statement to their commit, as
SQLite's `BEGIN IMMEDIATE` does. So the audit log has one appender at a time, and what a
transaction reads before it writes stays true. Those that read see one snapshot.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine, create_engine, event, exc, inspect, text
from sqlalchemy.engine import make_url

from secureload.errors import CacheError, UsageError

_SECONDS = 60
"""How long to wait for another transaction; ours take milliseconds."""

_CONNECTIONS = 40
"""Connections of one process at most: as many as its front end has threads."""

_NOT_OURS = "procrastinate_"
"""What the tables of the queue begin with, which may share the database."""


def shown(url: str) -> str:
    """A URL without its password.

    Raises:
        UsageError: it is none, or of another kind of database.
    """
    try:
        made = make_url(url)
    except exc.ArgumentError as error:
        raise UsageError(
            "SECURELOAD_DATABASE is no URL", hint="write postgresql+psycopg://user@host/name"
        ) from error
    if made.drivername not in {"postgresql", "postgresql+psycopg"}:
        raise UsageError(
            f"SECURELOAD_DATABASE is of kind `{made.drivername}`",
            hint="the ledger is a SQLite file, or lies at postgresql+psycopg://user@host/name",
        )
    return made.render_as_string(hide_password=True)


def conninfo(url: str) -> str:
    """The same address as libpq reads it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@functools.lru_cache(maxsize=8)
def engine(url: str) -> Engine:
    """The connections of this process to a server; none is made yet."""
    shown(url)
    made = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=5,
        max_overflow=_CONNECTIONS - 5,
        pool_timeout=_SECONDS,
        pool_pre_ping=True,  # a server that was restarted is no trouble
        connect_args={"connect_timeout": 10},
    )
    event.listen(made, "begin", _begun)
    if hasattr(os, "register_at_fork"):
        # A child would talk to the server on its parent's connections (SQLAlchemy, "Using
        # Connection Pools with Multiprocessing"): they are left, and not closed.
        os.register_at_fork(after_in_child=functools.partial(made.dispose, close=False))
    return made


def _begun(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("bare"):
        return
    if not options.get("writes"):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_SECONDS}s'")
    if options.get("synchronous") == "NORMAL":
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_number('ledger')})")


def tables(connection: Connection) -> set[str]:
    """The names of tables in the schema, those of the queue left out."""
    names = inspect(connection).get_table_names()
    return {name for name in names if not name.startswith(_NOT_OURS)}


@contextmanager
def alone(made: Engine, name: str) -> Iterator[None]:
    """Hold the lock of this name while the block runs; a connection is kept for it."""
    bare = made.execution_options(isolation_level="AUTOCOMMIT", bare=True)
    with bare.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _number(name)})
        try:
            yield
        finally:
            # Where this fails, the connection is gone, and the lock with it.
            with suppress(exc.DBAPIError):
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _number(name)})


def _number(name: str) -> int:
    digest = hashlib.sha256(f"secureload:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


@contextmanager
def troubles(url: str) -> Iterator[None]:
    """Turn what the server and SQLAlchemy raise into a `CacheError` without a password.

    Raises:
        CacheError: any of them failed; the message says how.
    """
    try:
        yield
    except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError) as error:
        raise CacheError(
            f"the ledger {shown(url)}: the server cannot be reached, or ended the transaction "
            f"({_reason(error)})",
            hint="check that it runs and SECURELOAD_DATABASE is right, and try again",
        ) from error
    except exc.DataError as error:
        raise CacheError(
            f"the ledger {shown(url)} cannot hold a value ({_reason(error)})",
            hint="a name has a character that is no text; rename the file, and try again",
        ) from error
    except exc.SQLAlchemyError as error:
        raise CacheError(
            f"the ledger {shown(url)}: the server refused ({_reason(error)})",
            hint="its log says more; the role needs to own the database's schema",
        ) from error
    except UnicodeEncodeError as error:
        raise CacheError(
            f"the ledger cannot hold the name {error.object!r}, which is not valid Unicode",
            hint="rename the folder or file, and try again",
        ) from error


def _reason(error: exc.SQLAlchemyError) -> str:
    origin = error.orig if isinstance(error, exc.DBAPIError) else error
    return str(origin).strip().partition("\n")[0]
