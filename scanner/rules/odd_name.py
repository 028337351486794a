"""A file or member has a name that lands or shows elsewhere.

Why it matters
    Unpacking `../x` writes outside the folder; control characters hide what is there.
Fires on
    Absolute paths, `..`, NUL, control and direction characters, backslashes; names of Windows'
    devices (`CON`, `NUL.txt`) and colons, behind which Windows keeps another stream.
Stays quiet on
    Ordinary names in any script.
Remedy
    Rename it; an archive that does this was not made by an ordinary tool.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.facts import ProblemFact
from scanner.findings import Severity
from scanner.rules import Message, Rule

_KINDS = frozenset({"odd-name"})


def check(fact: ProblemFact) -> Iterator[Message]:
    """Yield the problem when it is of this rule's kinds."""
    if fact.kind in _KINDS:
        yield Message(text=fact.message, evidence={"kind": fact.kind})


RULE = Rule(id="odd-name", reads=ProblemFact, severity=Severity.HIGH, check=check)
