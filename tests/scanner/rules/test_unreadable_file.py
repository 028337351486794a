"""A file could not be read."""

from __future__ import annotations

import pytest

from scanner.findings import Severity
from scanner.rules.unreadable_file import RULE
from tests.scanner.rules.problems import HERE, said


@pytest.mark.parametrize("kind", ["unreadable"])
def test_fires(kind: str) -> None:
    (finding,) = said(RULE, kind)
    assert (finding.severity, finding.where) == (Severity.MEDIUM, HERE)
    assert finding.message == "what happened"
    assert finding.evidence["kind"] == kind


@pytest.mark.parametrize("kind", ["unrecognised", "special-file"])
def test_stays_quiet(kind: str) -> None:
    assert said(RULE, kind) == []
