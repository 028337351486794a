"""A pickle calls something in a way that was not reviewed as harmless.

Why it matters
    A name can be harmless with some arguments and dangerous with others, and the result of
    one call can be called in turn. What is computed cannot be looked up.
Fires on
    a listed name with other arguments than those it is listed with (`getattr` on anything
    but an enumeration), and calls of what another call gave back.
Stays quiet on
    calls whose callee is reported by name already: the import says it all.
Remedy
    Ask for safetensors; refuse the file where a resolver (`getattr`, `attrgetter`) is called.
"""

from collections.abc import Iterator

from scanner.facts import CallFact
from scanner.findings import EvidenceValue, Severity
from scanner.pickles import danger
from scanner.pickles.allowlist import default_allowlist
from scanner.pickles.values import Call, Global, Value
from scanner.rules import Message, Rule


def check(fact: CallFact) -> Iterator[Message]:
    """Yield one message for a call that met an objection of its own."""
    if fact.objection is None:
        return
    function = fact.function
    evidence: dict[str, EvidenceValue] = {"global": fact.callee, "count": fact.count}
    if isinstance(function, Global):
        if default_allowlist().judge_import(function) is not None:
            return
        known = danger.effect(function.module, function.name)
        yield Message(
            text=f"`{fact.callee}` is called, but {fact.objection}",
            severity=Severity.HIGH if known is None else Severity.CRITICAL,
            evidence=evidence,
        )
        return
    yield Message(
        text=f"the result of `{fact.callee}` is called: {fact.objection}",
        severity=Severity.CRITICAL if _resolved(function) else Severity.HIGH,
        evidence=evidence,
    )


def _resolved(function: Value) -> bool:
    """Whether what is called came out of a known dangerous function."""
    for _ in range(50):
        if not isinstance(function, Call):
            break
        function = function.function
    return (
        isinstance(function, Global) and danger.effect(function.module, function.name) is not None
    )


RULE = Rule(id="unlisted-call", reads=CallFact, severity=Severity.HIGH, check=check)
