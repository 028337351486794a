"""No reader knows the content."""

from __future__ import annotations

import pytest

from scanner.findings import Severity
from scanner.rules.unrecognised_content import RULE
from tests.scanner.rules.problems import HERE, said


@pytest.mark.parametrize("kind", ["unrecognised"])
def test_fires(kind: str) -> None:
    (finding,) = said(RULE, kind)
    assert (finding.severity, finding.where) == (Severity.MEDIUM, HERE)
    assert finding.message == "what happened"
    assert finding.evidence["kind"] == kind


@pytest.mark.parametrize("kind", ["unreadable", "malformed"])
def test_stays_quiet(kind: str) -> None:
    assert said(RULE, kind) == []
