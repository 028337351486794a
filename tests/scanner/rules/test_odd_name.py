"""Names that land or show elsewhere."""

from __future__ import annotations

import pytest

from scanner.findings import Severity
from scanner.rules.odd_name import RULE
from tests.scanner.rules.problems import HERE, said


@pytest.mark.parametrize("kind", ["odd-name"])
def test_fires(kind: str) -> None:
    (finding,) = said(RULE, kind)
    assert (finding.severity, finding.where) == (Severity.HIGH, HERE)
    assert finding.message == "what happened"
    assert finding.evidence["kind"] == kind


@pytest.mark.parametrize("kind", ["name-mismatch", "special-file"])
def test_stays_quiet(kind: str) -> None:
    assert said(RULE, kind) == []
