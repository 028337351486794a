"""Collections of HDF5's global heap, checked before the library follows them.

A collection is a list of objects, each with its length. The library goes from one to the
next by these lengths, and never ends where one of them is nothing.

Source: HDF5 File Format Specification, III.E (Global Heap).
"""

from __future__ import annotations

from scanner.patterns import pattern

_COLLECTION = pattern(rb"GCOL\x01")


def damaged(data: memoryview, base: int) -> int | None:
    """The place of the first collection with lengths that lead nowhere; None if there is none.

    `base` is where the superblock lies.
    """
    version = data[base + 8] if len(data) > base + 16 else 0
    width = data[base + (14 if version < 2 else 10)] if len(data) > base + 16 else 8
    if width not in (2, 4, 8):
        return base
    head = -(-(8 + width) // 8) * 8
    for match in _COLLECTION.finditer(data):
        start = match.start()
        end = min(len(data), start + _number(data, start + 8, width))
        at = start + head
        while at + head <= end:
            index, size = _number(data, at, 2), _number(data, at + 8, width)
            needed = head + -(-size // 8) * 8 if index else size
            if (needed < head and at + needed < end) or at + needed > end:
                return start
            at += needed
    return None


def _number(data: memoryview, at: int, width: int) -> int:
    return int.from_bytes(data[at : at + width], "little")
