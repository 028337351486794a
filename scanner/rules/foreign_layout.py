"""A safetensors file holds weights in another framework's layout.

Why it matters
    Loaders that no longer look at the `format` entry fill the model with random weights and
    only warn. Nothing dangerous, but not the model either: it has to be converted.
Fires on
    `format: tf`, `flax`, `jax` or `mlx` in the metadata.
Stays quiet on
    `format: pt` and files without the entry.
Remedy
    Load it through the gate, which converts it.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.facts import ConfigFact
from scanner.findings import Severity
from scanner.rules import Rule


def check(fact: ConfigFact) -> Iterator[str]:
    """Yield one note for a foreign layout."""
    if fact.key == "safetensors-format":
        yield f"weights in the layout of `{fact.value}`"


RULE = Rule(id="foreign-layout", reads=ConfigFact, severity=Severity.INFO, check=check)
