"""The findings of one file: what the rules say of its facts, each thing said once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from scanner.facts import Fact
from scanner.findings import EvidenceValue, Finding, Severity
from scanner.frozen import replace
from scanner.limits import Limits
from scanner.rules import judge

_REPEATS = "hidden-pickle"
"""The rule whose alarm says less than one that tells of the same global in the same member."""


def merged(facts: Iterable[Fact], limits: Limits) -> list[Finding]:
    """What the rules say, worst first, per rule and callable with a count and the first place."""
    found: dict[tuple[object, ...], list[object]] = {}
    said = [(fact, finding) for fact in facts for finding in judge((fact,))]
    for fact, finding in _once(said):
        about = finding.evidence.get("global") or finding.message
        key = (finding.rule, finding.severity, about)
        if key in found:
            found[key][1] += _count(finding, fact)  # type: ignore[operator]
        else:
            found[key] = [finding, _count(finding, fact)]
    kept: list[Finding] = []
    for first, count in found.values():
        assert isinstance(first, Finding)
        assert isinstance(count, int)
        evidence: dict[str, EvidenceValue] = dict(first.evidence)
        evidence["count"] = count
        kept.append(replace(first, evidence=evidence))
    kept.sort(key=lambda one: (-one.severity, one.rule, one.where.member or "",
                               one.where.offset or 0, one.message))  # fmt: skip
    return kept[: limits.findings]


def _once(said: list[tuple[Fact, Finding]]) -> Iterator[tuple[Fact, Finding]]:
    """Leave out a hidden pickle where the pickle machine has judged its global already."""
    told = {
        (finding.where.member, finding.evidence.get("global"))
        for fact, finding in said
        if (finding.severity is Severity.CRITICAL or getattr(fact, "by_value", False))
        and finding.rule != _REPEATS
    }
    for fact, finding in said:
        place = (finding.where.member, finding.evidence.get("global"))
        if finding.rule != _REPEATS or place not in told:
            yield fact, finding


def _count(finding: Finding, fact: Fact) -> int:
    told = finding.evidence.get("count")
    return told if isinstance(told, int) else fact.count
