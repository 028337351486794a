"""One file, several formats."""

from __future__ import annotations

import pytest

from scanner.findings import Severity
from scanner.rules.polyglot import RULE
from tests.scanner.rules.problems import HERE, said


@pytest.mark.parametrize("kind", ["polyglot"])
def test_fires(kind: str) -> None:
    (finding,) = said(RULE, kind)
    assert (finding.severity, finding.where) == (Severity.HIGH, HERE)
    assert finding.message == "what happened"
    assert finding.evidence["kind"] == kind


@pytest.mark.parametrize("kind", ["prepended-data", "unrecognised"])
def test_stays_quiet(kind: str) -> None:
    assert said(RULE, kind) == []
