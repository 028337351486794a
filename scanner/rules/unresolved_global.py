"""A pickle imports something whose name it computes.

Why it matters
    Picklers write names as text. A name that is put together while the file loads is there
    to hide what will be imported.
Fires on
    `STACK_GLOBAL` over the result of a call, an object of the loader's, or a text too long
    to be a name.
Stays quiet on
    names that stand in the file, however they travel through memo and stack.
Remedy
    Refuse the file.
"""

from collections.abc import Iterator

from scanner.facts import ImportFact
from scanner.findings import Severity
from scanner.rules import Message, Rule


def check(fact: ImportFact) -> Iterator[Message]:
    """Yield one message for an import of which a part is not known."""
    if fact.module is None or fact.name is None:
        yield Message(
            text=f"the global `{fact.dotted}` is computed while the file loads",
            evidence={"global": fact.dotted, "count": fact.count},
        )


RULE = Rule(id="unresolved-global", reads=ImportFact, severity=Severity.CRITICAL, check=check)
