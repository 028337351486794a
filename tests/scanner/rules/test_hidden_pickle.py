"""The rule speaks of one kind of problem alone."""

from __future__ import annotations

from scanner.facts import ProblemFact
from scanner.findings import Severity, Where
from scanner.rules.hidden_pickle import RULE


def problem(kind: str) -> ProblemFact:
    return ProblemFact(where=Where(), kind=kind, message="a pickle lies inside")


def test_fires_on_a_hidden_pickle() -> None:
    (finding,) = RULE.apply(problem("hidden-pickle"))
    assert (finding.rule, finding.severity) == ("hidden-pickle", Severity.HIGH)


def test_stays_quiet_on_other_problems() -> None:
    assert list(RULE.apply(problem("trailing-data"))) == []
