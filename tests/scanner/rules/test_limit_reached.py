"""Reading stopped at a limit."""

from __future__ import annotations

import pytest

from scanner.findings import Severity
from scanner.rules.limit_reached import RULE
from tests.scanner.rules.problems import HERE, said


@pytest.mark.parametrize("kind", ["limit-reached"])
def test_fires(kind: str) -> None:
    (finding,) = said(RULE, kind)
    assert (finding.severity, finding.where) == (Severity.MEDIUM, HERE)
    assert finding.message == "what happened"
    assert finding.evidence["kind"] == kind


@pytest.mark.parametrize("kind", ["malformed", "incomplete"])
def test_stays_quiet(kind: str) -> None:
    assert said(RULE, kind) == []
