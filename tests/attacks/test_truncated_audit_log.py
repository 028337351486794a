"""Attack: cut, edit or rewrite the audit log, with every digest in it made anew."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from secureload.cache import TrustedCache
from secureload.errors import EvidenceError
from secureload.evidence import checkpoint, operator
from secureload.ledger import audit, canonical
from secureload.ledger.tables import Audit
from tests.builders import waivers
from tests.secureload.cli.shell import Shell, shell
from tests.secureload.evidence import samples

__all__ = ["shell"]


@pytest.fixture
def log(tmp_path: Path, shell: Shell) -> Path:
    """A home with five rows in its log, and a signed checkpoint of them; returns that file."""
    home = samples.home(tmp_path / "secureload-home")
    cache = TrustedCache(home.path)
    cache.layout.create()
    with cache._database.write() as session:
        for number in range(5):
            audit.append(session, f"2026-01-0{number + 1}", "loaded", f"model-{number}", {})
    path = tmp_path / "checkpoint.json"
    assert shell("audit", "checkpoint", "--output", path).code == 0
    assert shell("audit", "verify", "--checkpoint", path).code == 0
    return path


def attack(log: Path, *statements: str) -> None:
    connection = sqlite3.connect(log.parent / "secureload-home" / "secureload.db")
    with connection:
        connection.execute("DROP TRIGGER audit_is_not_edited")
        connection.execute("DROP TRIGGER audit_is_not_cut")
        for statement in statements:
            connection.execute(statement)
    connection.close()


def forge(log: Path) -> None:
    """Give every row the digest that it should have, and the one before it."""
    cache = TrustedCache(log.parent / "secureload-home")
    with cache._database.write() as session:
        previous = audit.GENESIS
        for row in session.query(Audit).order_by(Audit.sequence):
            row.previous = previous
            row.digest = previous = canonical.digest(row)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE audit SET subject = 'model-9' WHERE sequence = 2", "row 2 was changed"),
        ("UPDATE audit SET at = '2025' WHERE sequence = 5", "row 5 was changed"),
        ("UPDATE audit SET event = 'removed' WHERE sequence = 1", "row 1 was changed"),
        ("UPDATE audit SET detail = '{\"a\":1}' WHERE sequence = 3", "row 3 was changed"),
        ("DELETE FROM audit WHERE sequence = 3", "rows 3 to 3 are missing"),
        ("DELETE FROM audit WHERE sequence = 1", "rows 1 to 1 are missing"),
        ("UPDATE audit SET sequence = 9 WHERE sequence = 5", "rows 5 to 8 are missing"),
    ],
)
def test_an_edited_or_removed_row_is_found(
    shell: Shell, log: Path, statement: str, why: str
) -> None:
    attack(log, statement)
    said = shell("audit", "verify")
    assert said.code == 1
    assert why in said.out
    assert shell("audit", "checkpoint").code == 1


def test_a_cut_end_is_found_against_the_checkpoint(shell: Shell, log: Path) -> None:
    attack(log, "DELETE FROM audit WHERE sequence > 3")
    assert shell("audit", "verify").code == 0  # the chain alone cannot know
    said = shell("audit", "verify", "--checkpoint", log)
    assert said.code == 1
    assert "ends at row 3; the checkpoint had 5" in said.out


def test_a_log_rewritten_whole_is_found_against_the_checkpoint(shell: Shell, log: Path) -> None:
    attack(log, "UPDATE audit SET subject = 'model-9' WHERE sequence = 2")
    forge(log)
    assert shell("audit", "verify").code == 0
    said = shell("audit", "verify", "--checkpoint", log)
    assert said.code == 1
    assert "row 5 is not the one that the checkpoint had" in said.out


def test_a_ledger_thrown_away_is_found_against_the_checkpoint(shell: Shell, log: Path) -> None:
    for path in (log.parent / "secureload-home").glob("secureload.db*"):
        path.unlink()
    assert shell("audit", "verify", "--checkpoint", log).code == 1


def test_a_longer_log_still_agrees(shell: Shell, log: Path) -> None:
    model = samples.folder(log.parent / "model", waivers.suspicious())
    assert shell("admit", model).code == 1
    assert shell("audit", "verify", "--checkpoint", log).code == 0
    exported = shell("audit", "export").out.splitlines()
    assert [json.loads(line)["sequence"] for line in exported] == [*range(1, len(exported) + 1)]
    assert len(exported) > 5


def test_a_forged_checkpoint_counts_for_nothing(shell: Shell, log: Path, tmp_path: Path) -> None:
    import datetime as dt

    mallory = operator.create(tmp_path / "mallory.pem")
    attack(log, "DELETE FROM audit WHERE sequence > 3")
    now = TrustedCache(tmp_path / "secureload-home").audit.checkpoint()
    log.write_bytes(checkpoint.make(now.count, now.head, mallory, at=dt.datetime.now(dt.UTC)))
    said = shell("audit", "verify", "--checkpoint", log)
    assert said.code == 2
    assert "no trusted key signed this" in said.err


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"5:abc"])
def test_what_is_no_checkpoint_is_an_error(log: Path, data: bytes) -> None:
    alice = operator.load(operator.key_file(log.parent / "secureload-home"))
    with pytest.raises(EvidenceError):
        checkpoint.read(data, [alice.public])


def test_a_summary_is_no_checkpoint(log: Path) -> None:
    alice = operator.load(operator.key_file(log.parent / "secureload-home"))
    with pytest.raises(EvidenceError, match="holds"):
        checkpoint.read(samples.signed({"count": 0, "head": ""}, alice), [alice.public])
