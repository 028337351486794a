"""An admission whose rows were edited loads nothing, whichever row it was."""

from __future__ import annotations

import sqlite3

import pytest

from secureload.errors import IntegrityError
from tests.secureload.cache.conftest import Kept, cache, kept

__all__ = ["cache", "kept"]

EDITS = [
    "UPDATE admissions SET folder = 'elsewhere'",
    "UPDATE admissions SET folder = '../../etc'",
    "UPDATE admissions SET artifact = '00'",
    "UPDATE admissions SET record = '00'",
    "UPDATE admissions SET admitted_at = '2000'",
    "UPDATE admissions SET revision = 'v9'",
    "UPDATE admissions SET repository = 'evil/model'",
    "UPDATE admissions SET audit_sequence = 99",
    "UPDATE admissions SET key = replace(key, 'org/model', 'evil/model')",
    "UPDATE verdicts SET document = replace(document, 'unsigned', 'signed')",
    "UPDATE admission_files SET sha256 = (SELECT max(sha256) FROM blobs)",
    "UPDATE admission_files SET blake3 = '00' WHERE path = 'config.json'",
    "UPDATE admission_files SET size = size + 1 WHERE path = 'config.json'",
    "DELETE FROM admission_files WHERE path = 'config.json'",
    "UPDATE conversions SET document = replace(document, 'aaaa', 'bbbb')",
    "DELETE FROM conversions",
    "DELETE FROM verdicts",
]


def edit(kept: Kept, *statements: str) -> None:
    connection = sqlite3.connect(kept.cache.layout.database)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("statement", EDITS)
def test_an_edited_row_loads_nothing(kept: Kept, statement: str) -> None:
    edit(kept, statement)
    with pytest.raises(IntegrityError, match="not as they were written") as caught:
        kept.cache.find(kept.key, mode="changed")
    assert "cache verify" in caught.value.hint
    assert kept.entry.admission in {problem.subject for problem in kept.cache.verify()}


def test_an_edited_admission_can_be_removed(kept: Kept) -> None:
    edit(kept, "UPDATE admissions SET record = '00'")
    kept.cache.remove(kept.entry.admission)
    assert kept.cache.find(kept.key, mode="changed") is None
    assert kept.cache.verify() == []


def test_an_admission_removed_behind_our_back_is_noticed(kept: Kept) -> None:
    edit(
        kept,
        "DELETE FROM admission_files",
        "DELETE FROM conversions",
        "DELETE FROM admissions",
    )
    assert kept.cache.find(kept.key, mode="changed") is None
    assert [str(problem) for problem in kept.cache.verify()] == [
        f"{kept.entry.admission}: vanished from the ledger"
    ]


def test_an_audit_row_removed_behind_our_back_loads_nothing(kept: Kept) -> None:
    edit(kept, "DROP TRIGGER audit_is_not_cut", "DELETE FROM audit")
    with pytest.raises(IntegrityError):
        kept.cache.find(kept.key, mode="changed")


def test_an_audit_row_of_another_admission_does_not_vouch(kept: Kept) -> None:
    kept.cache.record_load(kept.entry, "transformers", "AutoModel", "cpu")
    edit(kept, "UPDATE admissions SET audit_sequence = 2")
    with pytest.raises(IntegrityError):
        kept.cache.find(kept.key, mode="changed")


def test_a_blob_missing_from_the_disk_is_noticed(kept: Kept) -> None:
    sha256 = kept.entry.files[0].sha256
    kept.cache.layout.blob(sha256).unlink()
    assert [str(problem) for problem in kept.cache.verify()] == [f"blob {sha256}: is missing"]
