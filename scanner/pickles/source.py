"""One way to index, slice and search pickle bytes, whatever holds them; nothing is copied."""

from __future__ import annotations

import mmap
from typing import Protocol, overload


class Source(Protocol):
    """What the machine needs of its bytes: index, slice to `bytes`, length, find."""

    @overload
    def __getitem__(self, key: int, /) -> int: ...
    @overload
    def __getitem__(self, key: slice, /) -> bytes: ...
    def __getitem__(self, key: int | slice, /) -> int | bytes:
        """Return one byte as int, or a slice as bytes."""

    def __len__(self) -> int: ...

    def find(self, needle: bytes, start: int, end: int, /) -> int:
        """Return where `needle` first begins within [start, end), or -1."""


_COPIED = 1 << 20
_STEP = 1 << 16


class _View:
    """A memoryview made searchable; slices are copied out, so callers take small ones."""

    def __init__(self, view: memoryview) -> None:
        self._view = view

    @overload
    def __getitem__(self, key: int) -> int: ...
    @overload
    def __getitem__(self, key: slice) -> bytes: ...
    def __getitem__(self, key: int | slice) -> int | bytes:
        if isinstance(key, slice):
            return self._view[key].tobytes()
        value: int = self._view[key]
        return value

    def __len__(self) -> int:
        return len(self._view)

    def find(self, needle: bytes, start: int, end: int) -> int:
        """Search in steps that overlap by the needle's length."""
        end = min(end, len(self._view))
        while start < end:
            piece = self._view[start : min(end, start + _STEP)].tobytes()
            at = piece.find(needle)
            if at >= 0:
                return start + at
            if start + len(piece) >= end:
                break
            start += len(piece) - len(needle) + 1
        return -1


def source_of(data: bytes | bytearray | memoryview | mmap.mmap | Source) -> Source:
    """Return `data` as something the machine can read; only small views are copied."""
    if isinstance(data, memoryview):
        view = data.cast("B") if data.format != "B" or data.ndim != 1 else data
        return view.tobytes() if len(view) <= _COPIED else _View(view)
    if isinstance(data, bytearray):
        return source_of(memoryview(data))
    return data
