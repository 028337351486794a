"""Two readers of this archive would see different things.

Why it matters
    A scanner that reads one half and a loader that reads the other is how payloads hide.
Fires on
    Differences between central directory and local headers, duplicate or unlisted
    members, overlaps, several directories, wrong checksums, encryption.
Stays quiet on
    torch's own habits: sizes in data descriptors, padding in extra fields.
Remedy
    Ask for an archive written by an ordinary tool.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.facts import ProblemFact
from scanner.findings import Severity
from scanner.rules import Message, Rule

_KINDS = frozenset(
    {
        "duplicate-member",
        "several-directories",
        "name-mismatch",
        "flags-mismatch",
        "method-mismatch",
        "size-mismatch",
        "crc-mismatch",
        "overlapping-members",
        "unlisted-member",
        "encrypted-member",
        "zip64-mismatch",
        "count-mismatch",
        "unclaimed-bytes",
        "several-disks",
    }
)


def check(fact: ProblemFact) -> Iterator[Message]:
    """Yield the problem when it is of this rule's kinds."""
    if fact.kind in _KINDS:
        yield Message(text=fact.message, evidence={"kind": fact.kind})


RULE = Rule(id="archive-ambiguity", reads=ProblemFact, severity=Severity.HIGH, check=check)
