"""Rules over problems: each kind of problem is told by the rules that name it."""

from __future__ import annotations

from scanner.facts import ProblemFact
from scanner.findings import Finding, Where
from scanner.rules import Rule

HERE = Where(offset=4)


def said(rule: Rule, kind: str) -> list[Finding]:
    return list(rule.apply(ProblemFact(where=HERE, kind=kind, message="what happened")))
