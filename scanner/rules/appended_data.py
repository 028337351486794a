"""Bytes lie before or after what the format accounts for.

Why it matters
    Some loaders skip them, others start there: one file can be two.
Fires on
    Data before the first member of a zip, after its end, after the last storage or tensor.
Stays quiet on
    Alignment padding inside the format.
Remedy
    Ask for the file without them.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.facts import ProblemFact
from scanner.findings import Severity
from scanner.rules import Message, Rule

_KINDS = frozenset({"prepended-data", "trailing-data"})


def check(fact: ProblemFact) -> Iterator[Message]:
    """Yield the problem when it is of this rule's kinds."""
    if fact.kind in _KINDS:
        yield Message(text=fact.message, evidence={"kind": fact.kind})


RULE = Rule(id="appended-data", reads=ProblemFact, severity=Severity.HIGH, check=check)
