"""A waiver that a reviewer approved reaches every machine of an installation; no other does."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from secureload.errors import Refused
from secureload.gateway import waiving
from secureload.ledger import reviews, tables
from secureload.ledger.database import Database
from tests.builders import waivers
from tests.secureload.evidence import samples

TEXT = "apiVersion: secureload/v1\nkind: Waiver\n"


@pytest.fixture
def ledger(tmp_path: Path) -> Database:
    """A ledger with a refusal in it."""
    gate = samples.home(tmp_path / "home", key=False).gate()
    with pytest.raises(Refused):
        samples.admit(gate, samples.folder(tmp_path / "odd", waivers.suspicious()))
    layout = gate.cache.layout
    return Database(layout.database, layout.locks / "ledger.lock")


def decided(ledger: Database, *, approve: bool) -> str:
    with ledger.write() as session:
        verdict = session.query(tables.Verdict).one()
        asked = reviews.ask(session, verdict.id, "please", by="nora", at="now")
        waiver = TEXT if approve else None
        reviews.decide(
            session, asked.id, approve=approve, comment="-", waiver=waiver, by="ravi", at="now"
        )
    return asked.id


def files(home: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (home / "waivers").glob("*")}


def test_what_was_approved_is_brought_once(ledger: Database, tmp_path: Path) -> None:
    review, _ = decided(ledger, approve=True), decided(ledger, approve=False)
    assert waiving.bring(ledger, tmp_path / "other")
    assert files(tmp_path / "other") == {f"review-{review[:12]}.yaml": TEXT}
    assert not waiving.bring(ledger, tmp_path / "other")


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE reviews SET state = 'approved', waiver = 'kind: Waiver'",
        "UPDATE reviews SET waiver = waiver || ' '",
    ],
    ids=["never-approved", "another-text"],
)
def test_what_the_audit_log_does_not_vouch_for_is_no_waiver(
    ledger: Database, tmp_path: Path, edit: str
) -> None:
    decided(ledger, approve="||" in edit)
    with sqlite3.connect(ledger.path) as connection:
        connection.execute(edit)
    assert not waiving.bring(ledger, tmp_path / "other")
    assert files(tmp_path / "other") == {}
