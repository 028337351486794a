"""The ledger on a PostgreSQL server keeps every promise that it keeps in a file."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from secureload.cache import TrustedCache
from secureload.errors import CacheError, IntegrityError, UsageError
from secureload.flow import Listing, Source
from secureload.ledger import audit, database, hub_revisions, memory, plain, postgres
from secureload.ledger.database import Database
from secureload.ledger.tables import Base
from tests.secureload.cache.conftest import Kept, keep
from tests.secureload.ledger.test_store import EDITS
from tests.servers.postgres import Postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with Postgres() as started:
        yield started


@pytest.fixture
def url(server: Postgres) -> Iterator[str]:
    made = server.database()
    yield made
    postgres.engine(made).dispose()


@pytest.fixture
def ledger(tmp_path: Path, url: str) -> Database:
    return Database(tmp_path / "unused.db", tmp_path / "unused.lock", url)


@pytest.fixture
def kept(tmp_path: Path, url: str) -> Kept:
    return keep(TrustedCache(tmp_path / "home", database=url))


def test_migrations_give_exactly_the_tables(ledger: Database, url: str) -> None:
    ledger.create()
    with postgres.engine(url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    assert not ledger.path.exists()


def test_many_threads_open_a_new_ledger_and_append_at_once(tmp_path: Path, url: str) -> None:
    trouble: list[BaseException] = []

    def write(number: int) -> None:
        own = Database(tmp_path / "unused.db", tmp_path / "unused.lock", url)
        try:
            for turn in range(10):
                with own.write(durable=turn % 2 == 0) as session:
                    audit.append(session, "now", "tested", f"{number}/{turn}", {})
        except BaseException as error:
            trouble.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert trouble == []
    with Database(tmp_path / "unused.db", tmp_path / "unused.lock", url).read() as session:
        assert audit.checkpoint(session).count == 80
        assert list(audit.verify(session)) == []


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET event = 'x'", "DELETE FROM audit", "TRUNCATE audit"]
)
def test_the_server_itself_keeps_the_log_append_only(
    server: Postgres, ledger: Database, statement: str
) -> None:
    with ledger.write() as session:
        audit.append(session, "now", "tested", "s", {})
    with (
        server.connect(ledger.url) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="append-only"),
    ):
        connection.execute(statement.encode())


def test_an_edited_log_is_noticed(server: Postgres, ledger: Database) -> None:
    with ledger.write() as session:
        for number in range(3):
            audit.append(session, "now", "tested", f"s{number}", {})
    with server.connect(ledger.url) as connection:
        connection.execute("ALTER TABLE audit DISABLE TRIGGER ALL")
        connection.execute("UPDATE audit SET subject = 'other' WHERE sequence = 2")
    with ledger.read() as session:
        assert list(audit.verify(session)) == ["audit row 2 was changed after it was written"]


def test_what_is_read_is_one_state(ledger: Database) -> None:
    ledger.create()
    with ledger.read() as reading:
        before = audit.checkpoint(reading)
        with ledger.write() as session:
            audit.append(session, "now", "tested", "s", {})
        assert audit.checkpoint(reading) == before
    with ledger.read() as session:
        assert audit.checkpoint(session).count == 1


def test_a_failed_transaction_writes_nothing(ledger: Database) -> None:
    with pytest.raises(RuntimeError), ledger.write() as session:  # noqa: PT012
        audit.append(session, "now", "tested", "x", {})
        raise RuntimeError
    with ledger.read() as session:
        assert audit.checkpoint(session).count == 0


def test_one_at_a_time_does_what_has_one_name(ledger: Database) -> None:
    inside, order = threading.Event(), []

    def other() -> None:
        inside.wait(30)
        with ledger.alone("model"):
            order.append("second")

    waiting = threading.Thread(target=other)
    waiting.start()
    with ledger.alone("model"):
        inside.set()
        with ledger.alone("another"):  # a different name waits for nobody
            waiting.join(0.5)
            order.append("first")
    waiting.join(30)
    assert order == ["first", "second"]


def test_an_admission_comes_back_whole(kept: Kept, server: Postgres, url: str) -> None:
    found = kept.cache.find(kept.key, mode="always")
    assert found is not None
    assert found.files == kept.entry.files
    assert [file.path for file in found.files] == sorted(file.path for file in found.files)
    assert kept.cache.verify() == []
    assert [one.verdict for one in kept.cache.decisions()] == [kept.entry.verdict]


@pytest.mark.parametrize("statement", EDITS)
def test_an_edited_row_loads_nothing(
    kept: Kept, server: Postgres, url: str, statement: str
) -> None:
    with server.connect(url) as connection:
        # What a database's owner can do: switch off what holds rows together.
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement.encode())
    with pytest.raises(IntegrityError, match="not as they were written"):
        kept.cache.find(kept.key, mode="changed")
    assert kept.entry.admission in {problem.subject for problem in kept.cache.verify()}


def test_memory_of_where_names_led(ledger: Database) -> None:
    source = Source(kind="hub", location="org/model", revision="main")
    with ledger.write() as session:
        rows = plain.of_session(session)
        for at, commit in enumerate(("a" * 40, "b" * 40, "a" * 40)):
            listing = Listing(source=source, commit=commit, claims=())
            memory.remember(rows, listing, f"2026-01-0{at + 1}T00:00:00+00:00")
            memory.admitted(rows, listing, f"2026-01-0{at + 1}T00:00:00+00:00")
        first = memory.first_id(rows, "org/model", "id-1", "2026-01-01T00:00:00+00:00")
    with ledger.write() as session:
        rows = plain.of_session(session)
        assert first == memory.first_id(rows, "org/model", "id-2", "2026-01-02T00:00:00+00:00")
        assert memory.head(rows, source) == "b" * 40


def test_names_are_found_whatever_their_case(ledger: Database) -> None:
    with ledger.write() as session:
        hub_revisions.publish(
            session, repository="Org/Model", revision_id="a" * 40, commit="a" * 40,
            artifact="x", admission_id="y", document={}, at="now",
        )  # fmt: skip
    with ledger.read() as session:
        assert hub_revisions.repositories(session, like="org/m") == ("Org/Model",)
        assert hub_revisions.repositories(session, like="o_g") == ()


def test_another_programs_database_and_a_newer_ledger_are_refused(
    server: Postgres, ledger: Database
) -> None:
    with server.connect(ledger.url) as connection:
        connection.execute("CREATE TABLE theirs (x text)")
        with pytest.raises(CacheError, match="no ledger of secureload"):
            ledger.create()
        connection.execute("DROP TABLE theirs")
        ledger.create()
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    database._UP_TO_DATE.clear()
    with pytest.raises(CacheError, match="newer"):
        ledger.create()


def test_a_server_that_is_not_there_is_a_clear_error_without_the_password(tmp_path: Path) -> None:
    url = "postgresql+psycopg://me:secret@127.0.0.1:1/x"
    with pytest.raises(CacheError, match="cannot be reached") as caught:
        Database(tmp_path / "x", tmp_path / "y", url).create()
    assert "secret" not in f"{caught.value}{caught.value.hint}"


@pytest.mark.parametrize("url", ["nonsense", "mysql://host/x", "sqlite:///x.db"])
def test_another_kind_of_url_is_a_clear_error(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError, match="SECURELOAD_DATABASE"):
        Database(tmp_path / "x", tmp_path / "y", url).create()


def test_a_restarted_server_is_no_trouble_and_loses_nothing(
    server: Postgres, ledger: Database
) -> None:
    with ledger.write() as session:
        audit.append(session, "now", "tested", "before", {})
    with pytest.raises(CacheError), ledger.write() as session:  # noqa: PT012
        audit.append(session, "now", "tested", "cut", {})
        server.restart()
        session.execute(text("SELECT 1"))
    with ledger.write() as session:
        audit.append(session, "now", "tested", "after", {})
    with ledger.read() as session:
        assert audit.checkpoint(session).count == 2
        assert list(audit.verify(session)) == []


@pytest.mark.parametrize("name", ["model-\udcff", "model-\0"])
def test_a_name_that_is_no_text_is_a_clear_error(ledger: Database, name: str) -> None:
    with pytest.raises(CacheError, match="cannot hold"), ledger.write() as session:
        session.execute(text("SELECT :x"), {"x": name})
