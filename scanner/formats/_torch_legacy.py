"""How to know a torch file of the time before zip: its first pickle is a magic number."""

from __future__ import annotations

from scanner.reader import Blob

_MAGIC = 0x1950A86A20F9469CFC6C.to_bytes(10, "little")
PROTOCOL = 1001


def recognise(blob: Blob) -> bool:
    """Whether the magic number is the first pickle, as LONG1 of ten bytes, in any protocol."""
    head = blob.head(64)
    return head[:1] == b"\x80" and head[2:14] == b"\x8a\x0a" + _MAGIC
