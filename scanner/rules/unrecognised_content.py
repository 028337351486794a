"""No reader knows this content.

Why it matters
    Unknown is not clean: what no reader understands may mean something to a loader.
Fires on
    Files and archive members of no known format, whatever their names say.
Stays quiet on
    Raw tensor storages of torch archives.
Remedy
    Leave the file out, or teach the scanner its format.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.facts import ProblemFact
from scanner.findings import Severity
from scanner.rules import Message, Rule

_KINDS = frozenset({"unrecognised"})


def check(fact: ProblemFact) -> Iterator[Message]:
    """Yield the problem when it is of this rule's kinds."""
    if fact.kind in _KINDS:
        yield Message(text=fact.message, evidence={"kind": fact.kind})


RULE = Rule(id="unrecognised-content", reads=ProblemFact, severity=Severity.MEDIUM, check=check)
