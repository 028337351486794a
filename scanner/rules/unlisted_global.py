"""A pickle imports something that no allowlist names.

Why it matters
    Importing runs a module, and unpickling calls what it imports. What nobody reviewed may
    be harmless; nothing shows that it is.
Fires on
    any global that is neither on a profile in force nor admitted by the policy, and is not
    already reported as dangerous.
Stays quiet on
    what torch, numpy, scikit-learn and the standard library write for plain data.
Remedy
    Ask for safetensors. If you trust the class, admit the global that the finding names.
"""

from collections.abc import Iterator

from scanner.facts import ImportFact
from scanner.findings import Severity
from scanner.pickles import danger
from scanner.rules import Message, Rule
from scanner.rules._effects import evidence


def check(fact: ImportFact) -> Iterator[Message]:
    """Yield one message for an import that no allowlist names and no other rule knows."""
    if fact.objection is None or fact.module is None or fact.name is None:
        return
    if danger.effect(fact.module, fact.name) is None:
        yield Message(
            text=f"`{fact.dotted}` is on no allowlist: what it does while loading is unknown",
            evidence=evidence(fact),
        )


RULE = Rule(id="unlisted-global", reads=ImportFact, severity=Severity.HIGH, check=check)
