"""Plain SQL says the same through `sqlite3` alone and through a session."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from secureload.errors import CacheError
from secureload.flow import Listing, Source
from secureload.ledger import audit, memory, plain
from secureload.ledger.database import Database
from secureload.ledger.plain import Rows
from secureload.ledger.records import Stamp

MAIN = Source(kind="hub", location="org/model", revision="main")
LOOKS = Stamp(device=1, inode=2, size=3, mtime_ns=4, ctime_ns=5)
Transaction = Callable[[], AbstractContextManager[Rows]]


@pytest.fixture
def ledger(tmp_path: Path) -> Database:
    made = Database(tmp_path / "secureload.db", tmp_path / "ledger.lock")
    made.create()
    return made


def by_file(ledger: Database) -> Transaction:
    return lambda: plain.transaction(ledger.path, write=True)


def by_session(ledger: Database) -> Transaction:
    @contextmanager
    def transaction() -> Iterator[Rows]:
        with ledger.write() as session:
            yield plain.of_session(session)

    return transaction


@pytest.mark.parametrize("way", [by_file, by_session], ids=["file", "session"])
def test_memory_is_one_through_either_way(
    ledger: Database, way: Callable[[Database], Transaction]
) -> None:
    transaction = way(ledger)
    for day, commit in enumerate(("a" * 40, "b" * 40, "a" * 40), start=1):
        at = f"2026-01-0{day}T00:00:00+00:00"
        with transaction() as rows:
            listing = Listing(source=MAIN, commit=commit, claims=())
            memory.remember(rows, listing, at)
            memory.admitted(rows, listing, at)
            memory.first_id(rows, "org", f"id-{day}", at)
            memory.remember_digest(rows, Path("/a"), LOOKS, f"{day}" * 64)
    with transaction() as rows:
        assert memory.head(rows, MAIN) == "b" * 40
        assert memory.latest(rows, MAIN) is None  # nothing of it is admitted
        assert memory.commits(rows, MAIN) == ()
        assert memory.first_id(rows, "org", "id-9", "2026-02-01T00:00:00+00:00") == "id-1"
        seen = memory.first_seen(rows, "commit", f"hub:org/model@{'b' * 40}", "2027-01-01")
        assert seen.isoformat() == "2026-01-02T00:00:00+00:00"
        assert memory.known_digest(rows, Path("/a"), LOOKS) == "3" * 64
        assert memory.known_digest(rows, Path("/b"), LOOKS) is None
        turns = rows("SELECT turn, last_seen FROM sightings ORDER BY turn")
    assert [(row.turn, row.last_seen[:10]) for row in turns] == [
        (2, "2026-01-02"),
        (3, "2026-01-03"),
    ]


def test_a_failed_block_writes_nothing(ledger: Database) -> None:
    def fail() -> None:
        with plain.transaction(ledger.path, write=True) as rows:
            memory.first_seen(rows, "key", "abc", "2026-01-01")
            raise KeyError("the caller failed")

    with pytest.raises(KeyError):
        fail()
    with plain.transaction(ledger.path) as rows:
        assert rows("SELECT * FROM first_seen") == []


def test_one_that_reads_sees_one_state(ledger: Database) -> None:
    with plain.transaction(ledger.path) as rows:
        before = rows("SELECT count(*) AS n FROM audit")[0].n
        with ledger.write() as session:
            audit.append(session, "now", "tested", "a", {})
        assert rows("SELECT count(*) AS n FROM audit")[0].n == before


def test_only_a_ledger_at_the_newest_schema_is_asked_directly(
    ledger: Database, tmp_path: Path
) -> None:
    assert plain.newest(ledger.path)
    assert not plain.newest(tmp_path / "absent.db")
    (tmp_path / "broken.db").write_bytes(b"no database at all" * 100)
    assert not plain.newest(tmp_path / "broken.db")
    old = sqlite3.connect(tmp_path / "old.db")
    old.execute("CREATE TABLE alembic_version (version_num)")
    old.execute("INSERT INTO alembic_version VALUES ('0001')")
    old.commit()
    old.close()
    assert not plain.newest(tmp_path / "old.db")


def test_a_damaged_ledger_is_a_cache_error_with_a_hint(ledger: Database) -> None:
    damaged = bytearray(ledger.path.read_bytes())
    damaged[100:] = bytes(len(damaged) - 100)
    ledger.path.write_bytes(damaged)

    def ask() -> None:
        with plain.transaction(ledger.path) as rows:
            rows("SELECT * FROM admissions")

    with pytest.raises(CacheError, match="damaged") as failed:
        ask()
    assert failed.value.hint


def test_what_sqlite_lays_beside_the_ledger_is_its_owners_alone(ledger: Database) -> None:
    with plain.transaction(ledger.path, write=True) as rows:
        memory.first_seen(rows, "key", "abc", "2026-01-01")
        beside = list(ledger.path.parent.glob("secureload.db-*"))
        with plain.troubles(ledger.path):
            pass
        assert beside
        assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in beside)
