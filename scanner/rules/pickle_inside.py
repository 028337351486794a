"""A file that is no pickle itself holds one, such as an archive of samples.

Why it matters
    What the pickle does is told by the rules about pickles, wherever it lies. That there is
    one at all matters to whoever converts nothing: readers of datasets unpickle the members
    of an archive by their names, without asking.
Fires on
    A tar, zip or compressed file with a pickle, a PyTorch file or a joblib file in it; an
    array of Python objects. Once a file, as information.
Stays quiet on
    Files that are pickles themselves or are built by one, such as PyTorch's.
Remedy
    Ask the publisher for the same values as JSON, arrays or safetensors.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.facts import ProblemFact
from scanner.findings import Severity
from scanner.rules import Message, Rule

_KINDS = frozenset({"pickle-inside"})


def check(fact: ProblemFact) -> Iterator[Message]:
    """Yield the problem when it is of this rule's kinds."""
    if fact.kind in _KINDS:
        yield Message(text=fact.message, evidence={"kind": fact.kind})


RULE = Rule(id="pickle-inside", reads=ProblemFact, severity=Severity.INFO, check=check)
