"""A file could not be opened or read.

Why it matters
    It was not examined, so nothing can be said of it.
Fires on
    Missing permission, a file that vanished, input and output errors.
Stays quiet on
    Files read to their end.
Remedy
    Make the file readable and scan again.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.facts import ProblemFact
from scanner.findings import Severity
from scanner.rules import Message, Rule

_KINDS = frozenset({"unreadable"})


def check(fact: ProblemFact) -> Iterator[Message]:
    """Yield the problem when it is of this rule's kinds."""
    if fact.kind in _KINDS:
        yield Message(text=fact.message, evidence={"kind": fact.kind})


RULE = Rule(id="unreadable-file", reads=ProblemFact, severity=Severity.MEDIUM, check=check)
