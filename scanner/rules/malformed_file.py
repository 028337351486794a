"""A file is damaged, cut off, or contradicts itself.

Why it matters
    What cannot be read to its end cannot be called harmless: loaders fail at different
    places, and some run a part before they do.
Fires on
    Truncated or invalid files, wrong sizes, duplicate keys, unknown compression, trailing
    bytes in formats that allow none.
Stays quiet on
    A checksum that was left out, which torch's writer may do.
Remedy
    Fetch the file again; if it stays the same, ask the publisher for a proper one.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.facts import ProblemFact
from scanner.findings import Confidence, Severity
from scanner.rules import Message, Rule

ELSEWHERE = frozenset(
  {
    "unrecognised", "unreadable", "special-file", "odd-name", "limit-reached", "polyglot",
    "prepended-data", "trailing-data", "duplicate-member", "several-directories",
    "name-mismatch", "flags-mismatch", "method-mismatch", "size-mismatch", "crc-mismatch",
    "overlapping-members", "unlisted-member", "encrypted-member", "zip64-mismatch",
    "count-mismatch", "unclaimed-bytes", "several-disks", "frame-mismatch", "odd-number",
    "trailing-bytes", "stack-not-empty", "out-of-band-buffer", "stack-underflow", "truncated",
    "invalid-opcode", "odd-items", "bad-protocol", "bad-number", "bad-string", "bad-index",
    "negative-length", "not-a-name", "joblib-array", "second-reading", "second-reading-failed",
    "hidden-pickle", "pickle-inside",
}
)  # fmt: skip
"""Kinds of problem that other rules tell of."""


def check(fact: ProblemFact) -> Iterator[str | Message]:
    """Yield what is wrong, unless another rule does."""
    if fact.kind == "crc-absent":
        yield Message(text=fact.message, severity=Severity.INFO, confidence=Confidence.HIGH)
    elif fact.kind not in ELSEWHERE:
        yield Message(text=fact.message, evidence={"kind": fact.kind})


RULE = Rule(id="malformed-file", reads=ProblemFact, severity=Severity.MEDIUM, check=check)
