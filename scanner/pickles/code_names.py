"""Which names and texts in a code object tell of a known dangerous effect.

A code object's names are in one tuple, modules, globals and attributes alike, each once: which
follows which is not told. So a dangerous dotted name counts as reached when all its parts are
there, in whatever order.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

from scanner.patterns import pattern
from scanner.pickles import danger

_ORDINARY: Final = frozenset(
    """
    builtins.max builtins.min builtins.any builtins.all builtins.sum builtins.zip builtins.next
    builtins.iter builtins.enumerate builtins.sorted builtins.map builtins.filter
    builtins.reduce builtins.super builtins.KeyboardInterrupt builtins.SystemExit
    itertools warnings abc builtins __builtin__ __builtins__ exceptions
    """.split()  # noqa: SIM905
)
"""What reaches others by being handed a function is nothing new in the hands of code."""

_ACTS: Final = frozenset(
    """
    exec spawn fork forkpty startfile kill killpg putenv rmtree unlink symlink_to hardlink_to
    rmdir chmod chown tofile fromfile memmap savez savez_compressed savetxt loadtxt genfromtxt
    write_text write_bytes read_text read_bytes to_csv to_pickle to_parquet to_excel to_hdf
    to_sql to_feather read_csv read_pickle read_parquet read_sql from_pretrained load_library
    open_code find_library load_module exec_module load_state_dict_from_url
    attrgetter methodcaller getattr setattr delattr urlopen
    f_builtins f_locals f_code gi_code cr_code ag_frame ag_code tb_next func_code im_func im_self
    """.split()  # noqa: SIM905
)
"""Methods that mean one thing on whatever object they are called."""

_ALIASES: Final = {"np": "numpy", "pd": "pandas", "tf": "tensorflow", "th": "torch"}
_TEXT: Final = pattern(
    r"__\w{2,40}__|\b(?:import|from)\s+[a-z_]\w*"
    r"|\b(?:eval|exec|compile|system|popen|getattr|open)\s*\("
)


def dangerous_name(words: Iterable[str], methods: Iterable[str] = ()) -> str | None:
    """Return a dangerous name that all of these words together reach, or None.

    `methods` are names that stand for attributes alone: a module must be there that has them.
    """
    words = set(words)
    explicit = {_ALIASES.get(word, word) for word in words} | words
    for method in methods:
        for dotted, parts in _by_last().get(method, ()):
            if parts <= explicit | {method}:
                return dotted
    have = {"builtins"}
    for word in words:
        if danger.climbs(word) or danger.is_fatal(word) or word in _ACTS:
            return word
        have |= {word, word.lstrip("_"), _ALIASES.get(word, word)}
    reached = [
        dotted for word in have for dotted, parts in _by_last().get(word, ()) if parts <= have
    ]
    return min(reached, default=None)


def dangerous_text(text: str) -> bool:
    """Whether a constant reads like code, or like a way around the names."""
    return _TEXT.search(text) is not None


@cache
def _by_last() -> dict[str, list[tuple[str, frozenset[str]]]]:
    """Every known dangerous name and its parts, by its last part."""
    found: dict[str, list[tuple[str, frozenset[str]]]] = {}
    for dotted in danger.known():
        if dotted not in _ORDINARY:
            parts = dotted.split(".")
            found.setdefault(parts[-1], []).append((dotted, frozenset(parts)))
    return found
