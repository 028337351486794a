"""Weights in another framework's layout are worth a note, no more."""

from __future__ import annotations

from scanner.findings import Severity
from scanner.rules.foreign_layout import RULE
from tests.scanner.rules.configs import value


def test_fires() -> None:
    (finding,) = RULE.apply(value("safetensors-format", "tf"))
    assert finding.severity is Severity.INFO


def test_stays_quiet() -> None:
    assert list(RULE.apply(value("format", "tf"))) == []
