"""A pickle is not one that a pickler writes: damaged, ambiguous, or past a limit.

Why it matters
    What precedes the damage has already run when a loader meets it. Streams that two loaders
    read in two ways are made to show a scanner the harmless one.
Fires on
    frames that end inside an opcode, bytes after the last pickle, objects left on the stack,
    numbers in spellings that only some loaders take, buffers that are not in the file.
Stays quiet on
    what any pickler of protocol 0 to 5 writes.
Remedy
    Fetch the file again; if it is the same, ask the publisher for safetensors.
"""

from collections.abc import Iterator

from scanner.facts import ProblemFact
from scanner.findings import Severity
from scanner.rules import Message, Rule

_KINDS = {
    "frame-mismatch": Severity.HIGH,
    "odd-number": Severity.MEDIUM,
    "trailing-bytes": Severity.MEDIUM,
    "stack-not-empty": Severity.MEDIUM,
    "out-of-band-buffer": Severity.MEDIUM,
    "stack-underflow": Severity.MEDIUM,
    "truncated": Severity.MEDIUM,
    "invalid-opcode": Severity.MEDIUM,
    "odd-items": Severity.MEDIUM,
    "bad-protocol": Severity.MEDIUM,
    "bad-number": Severity.MEDIUM,
    "bad-string": Severity.MEDIUM,
    "bad-index": Severity.MEDIUM,
    "negative-length": Severity.MEDIUM,
    "not-a-name": Severity.HIGH,
    "joblib-array": Severity.MEDIUM,
    "second-reading": Severity.HIGH,
    "second-reading-failed": Severity.INFO,
}
"""The kinds of problem that pickle readers report; others belong to other rules."""


def check(fact: ProblemFact) -> Iterator[Message]:
    """Yield one message for a problem of a pickle."""
    severity = _KINDS.get(fact.kind)
    if severity is not None:
        yield Message(
            text=fact.message, severity=severity, evidence={"kind": fact.kind, "count": fact.count}
        )


RULE = Rule(id="pickle-problem", reads=ProblemFact, severity=Severity.MEDIUM, check=check)
