"""Have the disk begin with what was written while the copy still runs."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

_EVERY = 8 << 20
"""Bytes written before the disk is asked to begin with them."""

_BEGIN_WRITING = 2
"""SYNC_FILE_RANGE_WRITE of `linux/fs.h`."""


class Writeback:
    """A thread that pushes files to the disk; only a head start, the final fsync is what counts."""

    def __init__(self, descriptors: Iterable[int]) -> None:
        self._descriptors = tuple(descriptors)
        self._wake = threading.Semaphore(0)
        self._stop = False
        self._written = 0
        self._thread = threading.Thread(target=self._run, name="writeback", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        begin = _begin()
        while self._wake.acquire():
            if self._stop:
                return
            for descriptor in self._descriptors:
                # The final fsync reports a failing disk.
                with suppress(OSError):
                    begin(descriptor)

    def wrote(self, count: int) -> None:
        """Count bytes written, and wake the thread once enough have come together."""
        self._written += count
        if self._written >= _EVERY:
            self._written = 0
            self._wake.release()

    def close(self) -> None:
        """Stop after what is under way."""
        self._stop = True
        self._wake.release()
        self._thread.join()


def _begin() -> Callable[[int], object]:
    """Linux can begin and not wait, which costs no flush of the disk's own cache each time."""
    import ctypes  # here it is imported beside the copy, not before it

    try:
        call = ctypes.CDLL(None).sync_file_range
    except AttributeError:
        return getattr(os, "fdatasync", os.fsync)
    call.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    return lambda descriptor: call(descriptor, 0, 0, _BEGIN_WRITING)
