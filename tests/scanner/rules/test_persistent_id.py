"""Persistent ids that a loader's own files never have."""

from __future__ import annotations

from scanner.facts import PersistentIdFact
from scanner.findings import Severity, Where
from scanner.rules.persistent_id import RULE

HERE = Where(offset=2, opcode="BINPERSID")


def test_fires_with_the_objection() -> None:
    (finding,) = RULE.apply(PersistentIdFact(where=HERE, pid="x", objection="odd"))
    assert (finding.severity, finding.message) == (Severity.HIGH, "odd")


def test_stays_quiet_on_storages() -> None:
    assert list(RULE.apply(PersistentIdFact(where=HERE, pid="x", objection=None))) == []
