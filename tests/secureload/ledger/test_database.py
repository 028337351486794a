"""A ledger opens at the newest schema, or says clearly why not."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from secureload.errors import CacheError
from secureload.ledger import audit, database
from secureload.ledger.database import Database
from secureload.ledger.plain import HEAD
from secureload.ledger.tables import Base


@pytest.fixture
def ledger(tmp_path: Path) -> Database:
    return Database(tmp_path / "secureload.db", tmp_path / "ledger.lock")


def test_the_newest_migration_is_the_one_the_tables_name() -> None:
    config = Config()
    config.set_main_option("script_location", str(database._MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_migrations_give_exactly_the_tables(ledger: Database) -> None:
    ledger.create()
    engine = create_engine(f"sqlite:///{ledger.path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_an_empty_file_is_migrated(ledger: Database) -> None:
    ledger.path.touch()
    ledger.create()
    with ledger.read() as session:
        assert audit.checkpoint(session).count == 0


def test_the_ledger_is_in_wal_mode(ledger: Database) -> None:
    ledger.create()
    with ledger.read() as session:
        assert session.execute(text("PRAGMA journal_mode")).scalar() == "wal"


def test_many_threads_open_a_new_ledger_at_once(tmp_path: Path) -> None:
    trouble: list[BaseException] = []

    def write(number: int) -> None:
        own = Database(tmp_path / "secureload.db", tmp_path / "ledger.lock")
        try:
            for turn in range(5):
                with own.write(durable=False) as session:
                    audit.append(session, "now", "tested", f"{number}/{turn}", {})
        except BaseException as error:
            trouble.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert trouble == []
    own = Database(tmp_path / "secureload.db", tmp_path / "ledger.lock")
    with own.read() as session:
        assert audit.checkpoint(session).count == 30
        assert list(audit.verify(session)) == []


def test_a_failed_transaction_writes_nothing(ledger: Database) -> None:
    def fail() -> None:
        with ledger.write() as session:
            audit.append(session, "now", "tested", "x", {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with ledger.read() as session:
        assert audit.checkpoint(session).count == 0


def test_a_newer_ledger_is_refused(ledger: Database) -> None:
    ledger.create()
    database._UP_TO_DATE.clear()
    with sqlite3.connect(ledger.path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(CacheError, match="newer") as caught, ledger.read():
        pass
    assert "upgrade" in caught.value.hint


def test_another_programs_database_is_refused(ledger: Database) -> None:
    with sqlite3.connect(ledger.path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(CacheError, match="no ledger of secureload"):
        ledger.create()


@pytest.mark.parametrize(
    "content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 8000]
)
def test_a_damaged_ledger_is_a_clear_error(ledger: Database, content: bytes) -> None:
    ledger.path.write_bytes(content)
    with pytest.raises(CacheError, match="damaged") as caught:
        ledger.create()
    assert caught.value.hint


def test_damage_in_the_middle_is_a_clear_error(ledger: Database) -> None:
    with ledger.write() as session:
        for number in range(300):
            audit.append(session, "now", "tested", f"{number}", {"x": "y" * 100})
    with sqlite3.connect(ledger.path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = bytearray(ledger.path.read_bytes())
    data[20_000:-2_000] = b"\xa5" * len(data[20_000:-2_000])
    ledger.path.write_bytes(data)
    with pytest.raises(CacheError), ledger.read() as session:
        list(audit.verify(session))


def test_a_folder_in_the_place_of_the_ledger_is_a_clear_error(ledger: Database) -> None:
    ledger.path.mkdir()
    with pytest.raises(CacheError) as caught:
        ledger.create()
    assert caught.value.hint


def test_a_home_that_may_not_be_written_is_a_clear_error(
    ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "ledger.lock")

    monkeypatch.setattr("filelock.FileLock.acquire", denied)
    with pytest.raises(CacheError, match=r"Permission denied \(ledger.lock\)") as caught:
        ledger.create()
    assert "must be writable" in caught.value.hint


def test_a_name_that_is_no_text_is_a_clear_error(ledger: Database) -> None:
    with pytest.raises(CacheError, match="not valid Unicode"), ledger.write() as session:
        session.execute(text("SELECT :x"), {"x": "model-\udcff"})
