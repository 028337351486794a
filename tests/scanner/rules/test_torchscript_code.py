"""A TorchScript program is told as such."""

from __future__ import annotations

from scanner.facts import CodeFact
from scanner.findings import Severity, Where
from scanner.rules.torchscript_code import RULE


def test_fires() -> None:
    (finding,) = RULE.apply(CodeFact(where=Where(), language="torchscript"))
    assert finding.severity is Severity.MEDIUM


def test_stays_quiet() -> None:
    assert list(RULE.apply(CodeFact(where=Where(), language="python"))) == []
