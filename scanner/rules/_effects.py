"""What the rules on dangerous globals share: one effect, read from an import's name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from scanner.facts import ImportFact
from scanner.findings import Severity
from scanner.pickles import danger
from scanner.rules import Message


def imports_with(effect: str) -> Callable[[ImportFact], Iterator[Message]]:
    """Return a check that reports imports known for `effect` that no allowlist admits."""

    def check(fact: ImportFact) -> Iterator[Message]:
        if fact.objection is None or fact.module is None or fact.name is None:
            return
        if danger.effect(fact.module, fact.name) != effect:
            return
        if fact.by_value:
            yield Message(
                text=f"`{fact.dotted}` makes a function from code that the pickle carries; "
                "nothing dangerous is known of that code, and whoever loads it may call it",
                severity=Severity.HIGH,
                evidence=evidence(fact),
            )
        else:
            yield Message(
                text=f"`{fact.dotted}` {danger.EFFECTS[effect]}: "
                "a pickle that names it can do so while it loads",
                evidence=evidence(fact),
            )

    return check


def evidence(fact: ImportFact) -> dict[str, str | int | bool | tuple[str, ...] | None]:
    """Return the global, its count, and the policy line that would admit it."""
    return {
        "global": fact.dotted,
        "count": fact.count,
        "admit": f'spec.pickles.allow: ["{fact.dotted}"]',
    }
