"""A pickle calls something in a way that was not reviewed as harmless.

Why it matters
    A name can be harmless with some arguments and dangerous with others, and the result of
    one call can be called in turn. What is computed cannot be looked up.
Fires on
    a listed name with other arguments than those it is listed with (`getattr` on anything
    but an enumeration), and calls of what another call gave back. Critical where the callee
    is known to be dangerous, but for `getattr` of a plain attribute, `partial` of a function
    of which nothing dangerous is known, and `attrgetter` or `methodcaller` that keeps one
    plain name and is not called in turn; nor where the type that is called makes a code
    object of which nothing dangerous is known.
Stays quiet on
    functions that an object keeps and nothing calls (`max`, `itemgetter(0)`, a `partial` of
    them);
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

CRITICAL = Severity.CRITICAL


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
        mild = known is None or _plain(function, fact.args) or _waits(function, fact.args)
        yield Message(
            text=f"`{fact.callee}` is called, but {fact.objection}",
            severity=Severity.HIGH if mild else CRITICAL,
            evidence=evidence,
        )
        return
    yield Message(
        text=f"the result of `{fact.callee}` is called: {fact.objection}",
        severity=(
            Severity.CRITICAL if _resolved(function) and not fact.by_value else Severity.HIGH
        ),
        evidence=evidence,
    )


def _plain(function: Global, args: Value) -> bool:
    """Whether it looks a plain attribute up, or keeps a function for later.

    What the attribute or function does may be unknown, but nothing dangerous is known of it:
    the pickle could have named it just as well.
    """
    if not isinstance(args, tuple) or not args:
        return False
    owner = args[0].function if isinstance(args[0], Call) else args[0]
    if not isinstance(owner, Global) or danger.effect(owner.module, owner.name) is not None:
        return False
    if function.dotted in ("functools.partial", "_functools.partial"):
        return isinstance(args[0], Global)
    if function.dotted not in ("builtins.getattr", "__builtin__.getattr") or len(args) != 2:
        return False
    name = args[1]
    return (
        isinstance(name, str)
        and name.isidentifier()
        and "__" not in name
        and danger.effect(owner.module, f"{owner.name}.{name}") is None
    )


def _waits(function: Global, args: Value) -> bool:
    """Whether it keeps one plain attribute's or method's name, to be looked up later."""
    match args:
        case (str(name),) if function.module in ("operator", "_operator"):
            return (
                function.name in ("attrgetter", "methodcaller")
                and name.isidentifier()
                and not name.startswith("_")
                and "__" not in name
                and not danger.is_fatal(name)
            )
    return False


def _resolved(function: Value) -> bool:
    """Whether what is called came out of a known dangerous function."""
    for _ in range(50):
        if not isinstance(function, Call):
            break
        if isinstance(function.function, Global) and _plain(function.function, function.args):
            return False
        function = function.function
    return (
        isinstance(function, Global) and danger.effect(function.module, function.name) is not None
    )


RULE = Rule(id="unlisted-call", reads=CallFact, severity=Severity.HIGH, check=check)
