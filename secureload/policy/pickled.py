"""Refuse lists for pickles that nothing would read, so that nobody relies on them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from secureload.documents import line_of, shown
from secureload.errors import PolicyError

_Said = tuple[Path, tuple[str | int, ...], Any]


def check(pickles: Any, said: Sequence[_Said]) -> None:
    """Check `pickles` as they are after what was `said`: what counts first is first.

    Each is a file, the keys and indices that lead to the settings in it, and the settings.

    Raises:
        PolicyError: there are lists that its mode does not read, or a profile that the
            scanner lacks; the message names the file and line that says so.
    """
    if pickles is msgspec.UNSET or not (pickles.profiles or pickles.allow):
        return
    if pickles.mode != "allowlist":
        place = _place(said, ("mode", "profiles", "allow"))
        raise PolicyError(
            f"{place}: `profiles` and `allow` of `pickles` count only with `mode: allowlist`",
            hint="set `mode: allowlist` beside them, or remove the lists",
        )
    from scanner.pickles.allowlist import PROFILES

    for index, name in enumerate(pickles.profiles or ()):
        if name not in PROFILES:
            close = difflib.get_close_matches(name, PROFILES, n=1)
            guess = f"; did you mean `{close[0]}`?" if close else ""
            raise PolicyError(
                f"{_place(said, ('profiles',), index)}: there is no profile `{name}`{guess}",
                hint=f"the scanner has {', '.join(PROFILES)}",
            )


def _place(said: Sequence[_Said], keys: tuple[str, ...], *more: int) -> str:
    """Where the first that says one of the keys says it, as file, line and key."""
    for path, steps, settings in said:
        if settings.pickles is msgspec.UNSET:
            continue
        for key in keys:
            if getattr(settings.pickles, key) is not msgspec.UNSET:
                at = (*steps, "pickles", key, *more)
                return f"{path}:{line_of(path, *at)}: `{shown(at)}`"
    raise LookupError(f"nothing says {keys}")
