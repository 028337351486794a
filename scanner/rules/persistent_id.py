"""A pickle asks its loader for an object in a way that the loader's own files never do.

Why it matters
    A persistent id means whatever the loader makes of it. A storage of torch's has a fixed
    form; anything else is a request that nobody reviewed.
Fires on
    ids in a plain pickle, which only a special loader can answer, and ids in a torch file
    that do not name a storage of it.
Stays quiet on
    torch's own storages.
Remedy
    Ask the publisher which program writes the file; convert it there to safetensors.
"""

from collections.abc import Iterator

from scanner.facts import PersistentIdFact
from scanner.findings import Severity
from scanner.rules import Message, Rule


def check(fact: PersistentIdFact) -> Iterator[Message]:
    """Yield one message for an id that met an objection."""
    if fact.objection is not None:
        yield Message(text=fact.objection, evidence={"count": fact.count})


RULE = Rule(id="persistent-id", reads=PersistentIdFact, severity=Severity.HIGH, check=check)
