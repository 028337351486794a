"""Write to files: as many bytes at a time as the kernel finds pages for with ease."""

from __future__ import annotations

import os
import time

FEW = 256 << 10
"""Bytes written at a time that the kernel finds pages for in any state of the memory."""

MANY = 1 << 20
"""As long as memory is in large pieces these take a quarter less; else several times as much."""

_JUDGED = 4 << 20
"""Bytes after which it is looked at again what writing takes."""

_TOO_MUCH = 1.5


def write_all(target: int, data: memoryview | bytes, offset: int, *, stride: int = FEW) -> None:
    """Write all of `data` at `offset`, `stride` bytes at a time; a full disk raises OSError."""
    view = memoryview(data)
    written = 0
    while written < len(view):
        written += os.pwrite(target, view[written : written + stride], offset + written)


class Strides:
    """Writes what one thread has to write, few bytes at a time at first, then many.

    Once many take more of the processor than few did, it stays with few.
    """

    def __init__(self) -> None:
        self.stride = FEW
        self._of_few: float | None = None
        """Processor time that a byte took, few at a time."""
        self._bytes = 0
        self._seconds = 0.0

    def write(self, target: int, data: memoryview | bytes, offset: int) -> None:
        """Write all of `data` at `offset`; a full disk raises OSError."""
        # Time on the processor: how long the thread waits for one says nothing about memory.
        before = time.thread_time()
        write_all(target, data, offset, stride=self.stride)
        self._seconds += time.thread_time() - before
        self._bytes += len(data)
        if self._bytes >= _JUDGED:
            self._judge(self._seconds / self._bytes)
            self._bytes, self._seconds = 0, 0.0

    def _judge(self, rate: float) -> None:
        if self._of_few is None:
            self._of_few, self.stride = rate, MANY
        elif self.stride == MANY and rate > self._of_few * _TOO_MUCH:
            self.stride = FEW
