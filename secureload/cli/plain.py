"""Command lines that say all by position: `scan PATH...` and `convert SRC DST`.

Reading one takes no library; importing that which reads the others, and declaring a verb's
options to it, takes longer than scanning most checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

_FOR_THE_LIBRARY = ("SECURELOAD_SERVER", "_SECURELOAD_COMPLETE")
"""Variables that stand for an option, or ask for something else than the verb."""


def plain(arguments: Sequence[str], environment: Mapping[str, str]) -> Callable[[], int] | None:
    """What a plain command line asks for; None where there is more to it, or less."""
    verb, *words = arguments or ("",)
    if any(word.startswith("-") for word in words) or any(map(environment.get, _FOR_THE_LIBRARY)):
        return None
    if verb == "scan" and words:
        from secureload.cli.scanning import scan_paths

        return partial(scan_paths, tuple(words))
    if verb == "convert" and len(words) == 2:
        from pathlib import Path

        from secureload.cli.converting import convert

        return partial(convert, *map(Path, words))
    return None
