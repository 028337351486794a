"""Attack: edit the ledger so that other bytes, another decision or other evidence count."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from secureload.errors import IntegrityError
from secureload.flow import Need
from secureload.gate import Gate
from secureload.sources import parse
from tests.builders import models
from tests.secureload.evidence import samples

EDITS = {
    "a file's digest": "UPDATE admission_files SET sha256 = (SELECT max(sha256) FROM blobs), "
    "blake3 = (SELECT blake3 FROM blobs ORDER BY sha256 DESC LIMIT 1) WHERE path = 'config.json'",
    "a file's name": "UPDATE admission_files SET path = 'evil.safetensors' "
    "WHERE path = 'model.safetensors'",
    "the folder": "UPDATE admissions SET folder = folder || '-evil'",
    "the decision": "UPDATE verdicts SET document = replace(document, 'identity', 'nothing')",
    "a tensor's proof": "UPDATE conversions SET document = replace(document, 'float32', 'int32')",
    "the evidence": "UPDATE admissions SET evidence = '[]'",
    "another evidence": "UPDATE admissions SET evidence = replace(evidence, 'vsa', 'asv')",
    "who decided": "UPDATE admissions SET verifier = 'mallory'",
    "the record, recomputed elsewhere": "UPDATE admissions SET record = lower(hex(zeroblob(32)))",
}


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Gate, Path, bytes]:
    root = tmp_path_factory.mktemp("ledger")
    gate = samples.home(root / "home").gate()
    samples.admit(gate, samples.folder(root / "other", models.safe()))
    samples.admit(gate, samples.folder(root / "model", models.legacy()))
    connection = sqlite3.connect(gate.cache.layout.database)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return gate, root / "model", gate.cache.layout.database.read_bytes()


def edit(gate: Gate, *statements: str) -> None:
    connection = sqlite3.connect(gate.cache.layout.database)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


@pytest.mark.parametrize("what", sorted(EDITS))
def test_an_edited_row_opens_nothing(clean: tuple[Gate, Path, bytes], what: str) -> None:
    gate, model, ledger = clean
    edit(gate, EDITS[what])
    try:
        with pytest.raises(IntegrityError, match="not as they were written"):
            gate.admit(parse(str(model)), Need())
        assert gate.cache.verify() != []
    finally:
        gate.cache.layout.database.write_bytes(ledger)


def test_an_edited_audit_row_is_found(clean: tuple[Gate, Path, bytes]) -> None:
    gate, _, ledger = clean
    edit(
        gate,
        "DROP TRIGGER audit_is_not_edited",
        "UPDATE audit SET detail = replace(detail, 'sha256', 'SHA256') WHERE event = 'admitted'",
    )
    try:
        assert any("was changed" in problem for problem in gate.cache.audit.verify())
        with pytest.raises(IntegrityError):
            gate.cache.entries()
    finally:
        gate.cache.layout.database.write_bytes(ledger)
