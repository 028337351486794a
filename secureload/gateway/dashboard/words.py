"""Untrusted text made fit to read: nothing invisible, nothing that reorders, nothing endless."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from scanner import Severity
from secureload.flow import repo_type_of

LONGEST = 2_000
"""Characters shown of any one text."""

_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
"""Unicode's categories of what has no face of its own: controls, directions, surrogates."""


def plain(value: Any, longest: int = LONGEST) -> Any:
    """A value as a template may print it: hidden characters as escapes, long texts cut.

    Numbers, and markup made by a template itself, pass unchanged.
    """
    if value is None:
        return ""
    if isinstance(value, (Markup, int, float)):
        return value
    text = str(value)
    if len(text) > longest:
        text = f"{text[:longest]} … ({len(text) - longest} more characters)"
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def when(text: str | None) -> str:
    """A moment of the ledger as `2026-11-27 07:15 UTC`."""
    if not text:
        return ""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    except ValueError:
        return text


def size(count: int) -> str:
    """A number of bytes for people: `1.4 MB`."""
    figure, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if figure < 1_000:
            break
        figure, unit = figure / 1_000, larger
    return f"{count} B" if unit == "B" else f"{figure:.1f} {unit}"


def short(digest: str) -> str:
    """The beginning of a digest or an id, its algorithm left in place."""
    kind, colon, rest = digest.rpartition(":")
    return f"{kind}{colon}{rest[:12]}"


def repo_type(repository: str, kind: str = "hub") -> str:
    """What a repository is called that is no model's: `dataset`, `Space`; else nothing."""
    named = {"dataset": "dataset", "space": "Space"}
    return named.get(repo_type_of(repository), "") if kind == "hub" else ""


def severity(value: int) -> str:
    """A finding's severity, which the ledger has as a number, as its word."""
    try:
        return str(Severity(value))
    except ValueError:
        return "unknown"
