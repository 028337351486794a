"""Extension codes."""

from __future__ import annotations

from scanner.facts import ExtensionFact, ImportFact
from scanner.findings import Severity, Where
from scanner.rules.extension_code import RULE

HERE = Where(offset=2, opcode="EXT1")


def test_fires() -> None:
    (finding,) = RULE.apply(ExtensionFact(where=HERE, code=7))
    assert finding.severity is Severity.HIGH
    assert finding.evidence["code"] == 7


def test_stays_quiet_on_other_facts() -> None:
    assert list(RULE.apply(ImportFact(where=HERE, module="os", name="system"))) == []
