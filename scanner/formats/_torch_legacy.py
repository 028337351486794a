"""What torch's two formats share: the legacy magic number, and bytes an element of a storage."""

from __future__ import annotations

from scanner.reader import Blob

_MAGIC = 0x1950A86A20F9469CFC6C.to_bytes(10, "little")

WIDTHS = {
    "DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2,
    "LongStorage": 8, "IntStorage": 4, "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1,
    "BoolStorage": 1, "ComplexFloatStorage": 8, "ComplexDoubleStorage": 16,
    "QInt8Storage": 1, "QUInt8Storage": 1, "QInt32Storage": 4, "QUInt4x2Storage": 1,
    "QUInt2x4Storage": 1, "UntypedStorage": 1,
}  # fmt: skip
"""Bytes an element, by storage class."""


def recognise(blob: Blob) -> bool:
    """Whether the magic number is the first pickle, as LONG1 of ten bytes, in any protocol."""
    head = blob.head(64)
    return head[:1] == b"\x80" and head[2:14] == b"\x8a\x0a" + _MAGIC
