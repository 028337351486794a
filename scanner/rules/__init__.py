"""Rules turn a fact into findings: one file a rule, its docstring is its page, its constant `RULE`.

A rule's `check` takes one fact and yields messages: a plain string when the rule's own
severity and confidence fit, a `Message` when this case differs or has evidence to show.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from scanner.facts import Fact
from scanner.findings import Confidence, EvidenceValue, Finding, Severity, Where
from scanner.frozen import dataclass, field
from scanner.modules import names


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One thing to report. What is None falls back to the rule's own, or the fact's place."""

    text: str
    severity: Severity | None = None
    confidence: Confidence | None = None
    where: Where | None = None
    evidence: Mapping[str, EvidenceValue] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One rule. `id` is stable and in kebab-case; `reads` is the fact type, or several.

    `check` is typed loosely because each rule takes the fact types it names in `reads`.
    """

    id: str
    reads: type[Fact] | tuple[type[Fact], ...]
    severity: Severity
    check: Callable[[Any], Iterable[str | Message]]
    confidence: Confidence = Confidence.HIGH

    def apply(self, fact: Fact) -> Iterator[Finding]:
        """Yield the findings for one fact; none for facts of a type this rule does not read."""
        if not isinstance(fact, self.reads):
            return
        for said in self.check(fact):
            message = Message(text=said) if isinstance(said, str) else said
            yield Finding(
                rule=self.id,
                severity=self.severity if message.severity is None else message.severity,
                confidence=self.confidence if message.confidence is None else message.confidence,
                message=message.text,
                where=fact.where if message.where is None else message.where,
                evidence=message.evidence,
            )

    @property
    def page(self) -> str:
        """The rule's public page: the docstring of its module."""
        return _found()[self.id][1]


@cache
def _found() -> dict[str, tuple[Rule, str]]:
    found: dict[str, tuple[Rule, str]] = {}
    for name in names(__path__):
        module = importlib.import_module(f"{__name__}.{name}")
        found[module.RULE.id] = (module.RULE, (module.__doc__ or "").strip() + "\n")
    return dict(sorted(found.items()))


@cache
def rules() -> tuple[Rule, ...]:
    """Return every rule of this folder, ordered by id."""
    return tuple(rule for rule, _ in _found().values())


def rule(rule_id: str) -> Rule | None:
    """Return the rule with this id, or None."""
    known = _found().get(rule_id)
    return None if known is None else known[0]


def judge(facts: Iterable[Fact]) -> Iterator[Finding]:
    """Yield what all rules say about all facts, in order of facts, then of rules."""
    for fact in facts:
        for known in _readers(type(fact)):
            yield from known.apply(fact)


_READERS: dict[type[Fact], tuple[Rule, ...]] = {}


def _readers(kind: type[Fact]) -> tuple[Rule, ...]:
    """The rules that read facts of this type."""
    if kind not in _READERS:
        _READERS[kind] = tuple(known for known in rules() if issubclass(kind, known.reads))
    return _READERS[kind]
