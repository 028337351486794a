"""How torch's files of the time before zip begin."""

from __future__ import annotations

from scanner.pickles.storages import MAGIC
from scanner.reader import Blob

_FRAME = b"\x95"


def recognise(blob: Blob) -> bool:
    """Whether the magic number is the first pickle, as LONG1 of ten bytes, in any protocol."""
    head = blob.head(64)
    number = head[11:] if head[2:3] == _FRAME else head[2:]
    return head[:1] == b"\x80" and number[:12] == b"\x8a\x0a" + MAGIC
