"""Types that `msgspec` reads into, each learned by one thread before any other uses it.

`msgspec` finds out what a class is made of when it first reads one, and keeps that on the
class before it is whole, so that classes may name themselves. A second thread that reads the
same class in that moment follows what is not filled in yet, and the process dies (0.22.0, by
`SIGSEGV`). A service answers with many threads, and a program may load models with many.
"""

from __future__ import annotations

import os
import threading
from typing import TypeVar

import msgspec

_T = TypeVar("_T")

_LEARNED: set[object] = set()
_LEARNING = threading.Lock()

if hasattr(os, "register_at_fork"):
    # A child has none of its parent's other threads: what one of them had learned by half would
    # stay so, and a lock that one of them held would never open.
    os.register_at_fork(
        before=_LEARNING.acquire,
        after_in_parent=_LEARNING.release,
        after_in_child=_LEARNING.release,
    )


def learned(kind: type[_T]) -> type[_T]:
    """The type itself, once `msgspec` knows it whole: `msgspec.convert(plain, learned(Kind))`.

    What a type is made of is learned with it. Whatever is read into a class goes through here.
    """
    if kind not in _LEARNED:
        with _LEARNING:
            msgspec.json.Decoder(kind)
            _LEARNED.add(kind)
    return kind
