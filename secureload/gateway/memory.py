"""The memory of a process that stays: settled once, when it has all it needs and begins to serve.

A command that ends soon may leave cycles lying, and the command line does. A service may not:
what piled up until the next look would be its size.
"""

from __future__ import annotations

import ctypes
import gc
import os
from contextlib import suppress

_LOOKS = (700, 10, 10)
"""CPython's own thresholds: a look for cycles at so many new objects, and every tenth deeper."""

_M_ARENA_MAX = -8
"""`mallopt`'s name for the most arenas, from glibc's `malloc.h`."""

_ARENAS = 2
"""Heaps that all threads share. By itself glibc makes up to eight for each core, each with room
of its own that comes back to nobody; one thread runs Python at a time, so they seldom meet."""


def settle() -> None:
    """Set aside what is here for good, and look for cycles among the rest as often as usual.

    What is set aside is not looked through again, so that a look costs what requests
    left behind and not what the libraries hold. A full look comes when what lives long has
    grown by a quarter: of little, where the libraries are not counted.

    Threads to come share few heaps, where the C library is glibc and `MALLOC_ARENA_MAX` or
    `GLIBC_TUNABLES` does not say otherwise.
    """
    _few_arenas()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_LOOKS)


def _few_arenas() -> None:
    tuned = "glibc.malloc.arena_max" in os.environ.get("GLIBC_TUNABLES", "")
    if tuned or "MALLOC_ARENA_MAX" in os.environ:
        return
    with suppress(AttributeError, OSError, TypeError):  # another C library
        library = ctypes.CDLL(None)
        if hasattr(library, "gnu_get_libc_version"):
            library.mallopt(_M_ARENA_MAX, _ARENAS)
