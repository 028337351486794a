"""A file's name makes loaders take it in place of the model's weights.

Why it matters
    `shard-00001-model-00001-of-00001.safetensors` is read as a distributed checkpoint, and
    wins over `model.safetensors`, the index, and whatever was reviewed.
Fires on
    `shard-NNNNN-model-NNNNN-of-NNNNN.safetensors`.
Stays quiet on
    `model-00001-of-00002.safetensors` and other shard names.
Remedy
    Rename it, or remove it.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.facts import MemberFact
from scanner.findings import Severity
from scanner.patterns import pattern
from scanner.rules import Rule

_NAME = pattern(r"shard-\d+-model-\d+-of-\d+\.safetensors")


def check(fact: MemberFact) -> Iterator[str]:
    """Yield one message for such a name."""
    if _NAME.fullmatch(fact.name.rpartition("/")[2]):
        yield "the file's name makes loaders take it in place of the model's weights"


RULE = Rule(id="shard-takeover-name", reads=MemberFact, severity=Severity.HIGH, check=check)
