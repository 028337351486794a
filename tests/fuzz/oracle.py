"""What must hold for any bytes: an answer, in bounds, that sees all that CPython would do."""

from __future__ import annotations

import time
import traceback

from scanner import scan_bytes
from tests.scanner.pickles.recorder import missed

SECONDS = 10
"""The most CPU time one input may take."""

_SHARED = 20


def stream(data: bytes) -> str:
    """What is wrong with our reading of a pickle stream; empty when nothing is.

    Truth are CPython's own unpicklers, whose imports and calls are recorded and not done.
    """
    begun = time.process_time()
    try:
        lost = set() if too_costly(data) else missed(data)
    except Exception:
        return traceback.format_exc()
    if lost:
        return f"not seen: {sorted(lost)}"
    return _slow(begun)


def whole(data: bytes, name: str = "model.bin") -> str:
    """What is wrong with scanning this file; empty when nothing is."""
    begun = time.process_time()
    try:
        scan_bytes(data, name=name)
    except Exception:
        return traceback.format_exc()
    return _slow(begun)


def _slow(begun: float) -> str:
    taken = time.process_time() - begun
    return f"took {taken:.1f} s of CPU" if taken > SECONDS else ""


def too_costly(data: bytes) -> bool:
    """Whether CPython itself might need far too much time.

    A tuple of twins twenty levels deep takes it a million steps to hash, as a key.
    """
    nested = sum(data.count(code) for code in (b"\x85", b"\x86", b"\x87", b"t"))
    return data.count(b"2") > _SHARED and nested > _SHARED
