"""The audit log shows every edit, removal, insertion and cut."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DatabaseError

from secureload.errors import CacheError
from secureload.ledger import audit
from secureload.ledger.database import Database

ROWS = 6


def open_log(folder: Path) -> Database:
    ledger = Database(folder / "secureload.db", folder / "ledger.lock")
    with ledger.write() as session:
        for number in range(ROWS):
            audit.append(session, f"t{number}", "tested", f"s{number}", {"n": number})
    return ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Database:
    return open_log(tmp_path)


def tamper(ledger: Database, *statements: str) -> None:
    """What someone with write access to the file can do: drop the triggers, then anything."""
    connection = sqlite3.connect(ledger.path)
    with connection:
        connection.execute("DROP TRIGGER audit_is_not_edited")
        connection.execute("DROP TRIGGER audit_is_not_cut")
        for statement in statements:
            connection.execute(statement)
    connection.close()


def problems(ledger: Database, checkpoint: audit.Checkpoint | None = None) -> list[str]:
    with ledger.read() as session:
        return list(audit.verify(session, checkpoint))


def checkpoint(ledger: Database) -> audit.Checkpoint:
    with ledger.read() as session:
        return audit.checkpoint(session)


def test_an_untouched_log_is_sound(ledger: Database) -> None:
    assert problems(ledger) == []
    assert problems(ledger, checkpoint(ledger)) == []


def test_a_log_that_grew_since_the_checkpoint_is_sound(ledger: Database) -> None:
    earlier = checkpoint(ledger)
    with ledger.write() as session:
        audit.append(session, "later", "tested", "s", {})
    assert problems(ledger, earlier) == []


@pytest.mark.parametrize("statement", ["UPDATE audit SET event = 'x'", "DELETE FROM audit"])
def test_sqlite_itself_keeps_the_log_append_only(ledger: Database, statement: str) -> None:
    connection = sqlite3.connect(ledger.path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()
    assert problems(ledger) == []


@settings(max_examples=30, deadline=None)
@given(
    row=st.integers(1, ROWS),
    column=st.sampled_from(["at", "event", "subject", "detail", "previous", "digest"]),
)
def test_an_edited_row_is_found(
    tmp_path_factory: pytest.TempPathFactory, row: int, column: str
) -> None:
    ledger = open_log(tmp_path_factory.mktemp("log"))
    tamper(ledger, f"UPDATE audit SET {column} = {column} || 'x' WHERE sequence = {row}")
    found = problems(ledger)
    assert any(f"row {row}" in sentence for sentence in found)


@pytest.mark.parametrize("row", range(1, ROWS))
def test_a_removed_row_is_found(ledger: Database, row: int) -> None:
    tamper(ledger, f"DELETE FROM audit WHERE sequence = {row}")
    assert any("missing" in sentence for sentence in problems(ledger))


@pytest.mark.parametrize("row", range(1, ROWS))
def test_a_removed_row_is_found_also_when_the_rest_is_renumbered(
    ledger: Database, row: int
) -> None:
    tamper(
        ledger,
        f"DELETE FROM audit WHERE sequence = {row}",
        f"UPDATE audit SET sequence = sequence - 1 WHERE sequence > {row}",
    )
    assert problems(ledger) != []


def test_swapped_rows_are_found(ledger: Database) -> None:
    tamper(
        ledger,
        "UPDATE audit SET sequence = 99 WHERE sequence = 2",
        "UPDATE audit SET sequence = 2 WHERE sequence = 3",
        "UPDATE audit SET sequence = 3 WHERE sequence = 99",
    )
    assert problems(ledger) != []


def test_rows_cut_off_the_end_are_found_against_a_checkpoint(ledger: Database) -> None:
    kept = checkpoint(ledger)
    tamper(ledger, f"DELETE FROM audit WHERE sequence >= {ROWS - 1}")
    assert problems(ledger) == []
    assert any("ends at row" in sentence for sentence in problems(ledger, kept))


def test_a_log_rewritten_from_scratch_is_found_against_a_checkpoint(ledger: Database) -> None:
    kept = checkpoint(ledger)
    tamper(ledger, "DELETE FROM audit")
    with ledger.write() as session:
        for number in range(ROWS + 2):
            audit.append(session, "t", "tested", f"forged {number}", {})
    assert problems(ledger) == []
    assert problems(ledger, kept) == [f"audit row {ROWS} is not the one that the checkpoint had"]


def test_the_export_can_be_checked_without_us(ledger: Database) -> None:
    import hashlib

    with ledger.read() as session:
        lines = list(audit.export(session))
    previous = "0" * 64
    for number, line in enumerate(lines, start=1):
        row = json.loads(line)
        digest = row.pop("digest")
        again = json.dumps(row, sort_keys=True, separators=(",", ":"))
        assert hashlib.sha256(again.encode()).hexdigest() == digest
        assert (row["previous"], row["sequence"]) == (previous, number)
        previous = digest
    assert len(lines) == ROWS


def test_writing_over_a_row_is_refused_in_our_words(ledger: Database) -> None:
    from sqlalchemy import text

    with pytest.raises((CacheError, DatabaseError)), ledger.write() as session:
        session.execute(text("DELETE FROM audit"))
