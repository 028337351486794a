"""Reading stopped at a limit.

Why it matters
    What lies beyond was not examined.
Fires on
    Too many members, opcodes or bytes; too deep nesting; expansion beyond what packing can do.
Stays quiet on
    Large ordinary checkpoints.
Remedy
    Raise the limit if you expect such a file.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.facts import ProblemFact
from scanner.findings import Severity
from scanner.rules import Message, Rule

_KINDS = frozenset({"limit-reached"})


def check(fact: ProblemFact) -> Iterator[Message]:
    """Yield the problem when it is of this rule's kinds."""
    if fact.kind in _KINDS:
        yield Message(text=fact.message, evidence={"kind": fact.kind})


RULE = Rule(id="limit-reached", reads=ProblemFact, severity=Severity.MEDIUM, check=check)
