"""Import a library that would start a program to do so, without it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def starting_nothing() -> Iterator[None]:
    """A block in which the processor's name is known, and empty.

    h5py asks for all of `platform.uname()` as it is imported, and where nobody has asked before,
    that runs `uname -p`, which few systems have an answer to. Afterwards nobody has asked yet.
    """
    import platform

    known = vars(platform.uname())
    if "processor" in known:
        yield
        return
    known["processor"] = ""
    try:
        yield
    finally:
        known.pop("processor", None)
