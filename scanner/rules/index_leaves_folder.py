"""A weight index names a shard that is not a plain file beside it.

Why it matters
    Loaders join the entry to the folder's path without looking, so `../other.safetensors`
    is loaded; and a safetensors index may name a pickle, which is then unpickled.
Fires on
    Entries with folders, `..`, absolute paths or URLs; entries of a `.safetensors` index
    that do not end in `.safetensors`.
Stays quiet on
    Plain names such as `model-00001-of-00003.safetensors`.
Remedy
    Ask for an index that names the shards beside it.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.facts import ConfigFact
from scanner.findings import Severity
from scanner.rules import Message, Rule


def check(fact: ConfigFact) -> Iterator[Message]:
    """Yield one message for an entry that leads elsewhere."""
    if fact.key != "weight_map" or fact.path.rpartition(".")[2] == "weight_map":
        return
    value = fact.value
    if not isinstance(value, str):
        return
    evidence = {"value": value[:200]}
    if not value or "/" in value or "\\" in value or value in (".", "..") or "\0" in value:
        yield Message(text=f"a shard lies elsewhere: `{value[:100]}`", evidence=evidence)
    elif "safetensors" in fact.document and not value.endswith(".safetensors"):
        yield Message(text=f"a safetensors index names `{value[:100]}`", evidence=evidence)


RULE = Rule(id="index-leaves-folder", reads=ConfigFact, severity=Severity.HIGH, check=check)
