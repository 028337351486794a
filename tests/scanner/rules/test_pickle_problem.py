"""Problems of pickle streams."""

from __future__ import annotations

import pytest

from scanner.facts import ProblemFact
from scanner.findings import Severity, Where
from scanner.rules.pickle_problem import RULE

HERE = Where(offset=2)


@pytest.mark.parametrize(
    ("kind", "severity"),
    [
        ("frame-mismatch", Severity.HIGH),
        ("trailing-bytes", Severity.MEDIUM),
        ("second-reading-failed", Severity.INFO),
    ],
)
def test_each_kind_has_its_severity(kind: str, severity: Severity) -> None:
    (finding,) = RULE.apply(ProblemFact(where=HERE, kind=kind, message="odd"))
    assert (finding.severity, finding.message) == (severity, "odd")


def test_stays_quiet_on_problems_of_other_formats() -> None:
    fact = ProblemFact(where=HERE, kind="crc-mismatch", message="not ours")
    assert list(RULE.apply(fact)) == []
