"""A link, pipe, socket or device lies where a plain file should.

Why it matters
    A link leads out of the folder that was examined; a pipe never ends.
Fires on
    Symbolic links met inside a folder, FIFOs, sockets, devices. None is opened.
Stays quiet on
    A link given as the argument itself.
Remedy
    Replace it with the file it stands for.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.facts import ProblemFact
from scanner.findings import Severity
from scanner.rules import Message, Rule

_KINDS = frozenset({"special-file"})


def check(fact: ProblemFact) -> Iterator[Message]:
    """Yield the problem when it is of this rule's kinds."""
    if fact.kind in _KINDS:
        yield Message(text=fact.message, evidence={"kind": fact.kind})


RULE = Rule(id="special-file", reads=ProblemFact, severity=Severity.MEDIUM, check=check)
