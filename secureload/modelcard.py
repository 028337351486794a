"""The licences that a model card names in its front matter: a claim, and no more.

A card is `README.md`; its front matter is YAML between two lines of three dashes (Hub
documentation, "Model Cards"). Only the few lines about the licence are read as YAML, so that
no other part of a card can make reading it slow.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

FRONT_MATTER_BYTES = 64 << 10
"""Longest front matter read; cards with long evaluation tables have some 20 KiB."""

ENTRY_CHARACTERS = 2_000
"""Longest entry read; a list of twenty licences has some 400."""

_FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*\r?$", re.DOTALL | re.MULTILINE)
_ENTRY = r"^{}:[^\n]*(?:\n(?:[ \t]|-[ \t])[^\n]*)*"


def licences(folder: Path) -> tuple[str, ...] | None:
    """The licences that the card in a folder names; None when there is no card to read.

    A card whose front matter cannot be read, or says two things, names none.
    """
    try:
        with (folder / "README.md").open("rb") as stream:
            text = stream.read(FRONT_MATTER_BYTES).decode("utf-8", "replace")
    except OSError:
        return None
    front = _FRONT.match(text)
    if front is None:
        return ()
    named = _entry("license", front[1])
    named = named if isinstance(named, list) else [named]
    texts = [one.strip() for one in named if isinstance(one, str) and one.strip()]
    other = _entry("license_name", front[1])
    if isinstance(other, str) and other.strip():
        texts = [other.strip() if one.lower() == "other" else one for one in texts]
    return tuple(dict.fromkeys(texts))


def _entry(key: str, front: str) -> Any:
    """The value of one key at the top; None where there is none, or more than one."""
    found = re.findall(_ENTRY.format(key), front, re.MULTILINE)
    if len(found) != 1 or len(found[0]) > ENTRY_CHARACTERS:
        return None
    try:
        return yaml.safe_load(found[0])[key]
    except (yaml.YAMLError, ValueError, TypeError, KeyError, RecursionError):
        return None
