"""Configuration values as the JSON reader passes them on."""

from __future__ import annotations

from scanner.facts import ConfigFact
from scanner.findings import Where


def value(
    key: str,
    value: str | int | float | bool | None,
    *,
    path: str | None = None,
    document: str = "config.json",
) -> ConfigFact:
    return ConfigFact(
        where=Where(), document=document, path=path or f"$.{key}", key=key, value=value
    )
