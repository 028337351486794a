"""One file is valid in several formats at once.

Why it matters
    What it does depends on who opens it, so looking at one reading proves nothing.
Fires on
    A pickle that is also a zip archive, and any other pair that two readers accept.
Stays quiet on
    Containers whose members have formats of their own.
Remedy
    Ask for a file of one format.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.facts import ProblemFact
from scanner.findings import Severity
from scanner.rules import Message, Rule

_KINDS = frozenset({"polyglot"})


def check(fact: ProblemFact) -> Iterator[Message]:
    """Yield the problem when it is of this rule's kinds."""
    if fact.kind in _KINDS:
        yield Message(text=fact.message, evidence={"kind": fact.kind})


RULE = Rule(id="polyglot", reads=ProblemFact, severity=Severity.HIGH, check=check)
