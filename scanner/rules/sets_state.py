"""A pickle sets state or items on an object in a way that was not reviewed as harmless.

Why it matters
    BUILD calls `__setstate__` or writes attributes, items go through `append` and
    `__setitem__`: methods of the object's class, with the pickle's own data. On a function, a
    class or a module they change it for the whole process.
Fires on
    state for a class that was reviewed without any, state that sets dunder attributes, and
    any change to a global itself. Critical where that state is evaluated as Python.
Stays quiet on
    plain containers, attributes of listed classes, and objects whose class is reported
    already.
Remedy
    Ask for safetensors; refuse the file where a global itself is changed.
"""

from collections.abc import Iterator

from scanner.facts import StateFact
from scanner.findings import EvidenceValue, Severity
from scanner.pickles.danger import EVALUATED
from scanner.pickles.values import Call, Global, ListValue, Value
from scanner.rules import Message, Rule


def check(fact: StateFact) -> Iterator[Message]:
    """Yield one message for a change that met an objection of its own."""
    if fact.objection is None:
        return
    target = fact.target
    opcode = fact.where.opcode or "BUILD"
    evidence: dict[str, EvidenceValue] = {"global": fact.callee, "count": fact.count}
    if isinstance(target, Global):
        yield Message(
            text=f"{opcode} on `{fact.callee}`: {fact.objection}",
            severity=Severity.CRITICAL,
            evidence=evidence,
        )
    elif isinstance(target, Call) and _reported(target):
        return
    elif isinstance(target, (int, str, bytes, tuple, ListValue)) or target is None:
        yield Message(
            text=f"{opcode} on a plain value: {fact.objection}",
            severity=Severity.MEDIUM,
            evidence=evidence,
        )
    else:
        text = f"{opcode} on `{fact.callee}`: {fact.objection}"
        severity = Severity.CRITICAL if EVALUATED in fact.objection else None
        yield Message(text=text, severity=severity, evidence=evidence)


def _reported(target: Value) -> bool:
    """Whether the call that made the object is reported itself."""
    return isinstance(target, Call) and target.objection is not None


RULE = Rule(id="sets-state", reads=StateFact, severity=Severity.HIGH, check=check)
