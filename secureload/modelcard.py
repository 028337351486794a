"""The licences that a model card names in its front matter: a claim, and no more.

A card is `README.md`; its front matter is YAML between two lines of three dashes (Hub
documentation, "Model Cards"). It is read as plain data, under a limit.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

FRONT_MATTER_BYTES = 64 << 10
"""Longest front matter read; cards with long evaluation tables have some 20 KiB."""

_FRONT = re.compile(
    rb"\A(?:\xef\xbb\xbf)?---[ \t]*\r?\n(.*?)^---[ \t]*\r?$", re.DOTALL | re.MULTILINE
)


def licences(folder: Path) -> tuple[str, ...] | None:
    """The licences that the card in a folder names; None when there is no card to read.

    A card whose front matter is no YAML, or too long, names none.
    """
    try:
        with (folder / "README.md").open("rb") as stream:
            found = _FRONT.match(stream.read(FRONT_MATTER_BYTES))
    except OSError:
        return None
    try:
        events = list(yaml.parse(found[1], Loader=yaml.SafeLoader)) if found else []
        if not found or any(isinstance(event, yaml.AliasEvent) for event in events):
            return ()  # aliases can make a short text long, and no card needs them
        front = yaml.safe_load(found[1])
    except (yaml.YAMLError, ValueError, RecursionError):
        return ()
    named = front.get("license") if isinstance(front, dict) else None
    named = named if isinstance(named, list) else [named]
    texts = [one.strip() for one in named if isinstance(one, str) and one.strip()]
    other = front.get("license_name") if isinstance(front, dict) else None
    if isinstance(other, str) and other.strip():
        texts = [other.strip() if one.lower() == "other" else one for one in texts]
    return tuple(dict.fromkeys(texts))
