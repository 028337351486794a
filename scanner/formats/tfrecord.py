"""TFRecord files: records of data, each with its length and two checksums.

Source: TensorFlow's TFRecord format; CRC-32C of RFC 3720, masked as LevelDB does.
"""

from __future__ import annotations

from functools import cache

from scanner.formats import Format, Read
from scanner.reader import Blob


@cache
def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)


def _masked(data: bytes) -> int:
    value = 0xFFFFFFFF
    for byte in data:
        value = _table()[(value ^ byte) & 0xFF] ^ value >> 8
    value ^= 0xFFFFFFFF
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


def recognise(blob: Blob) -> bool:
    """Whether the first length lies in the file and has its checksum."""
    head = blob.head(12)
    if len(blob.data) < 16 or int.from_bytes(head[:8], "little") > len(blob.data) - 16:
        return False
    return _masked(head[:8]) == int.from_bytes(head[8:], "little")


def read(blob: Blob) -> Read:
    """Yield that the records do not fill the file, if they do not."""
    data, at = blob.data, 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 8], "little")
        if len(data) - at < 16 or length > len(data) - at - 16:
            yield blob.problem("incomplete", "a record is cut off", offset=at, fatal=True)
            return
        at += length + 16


FORMAT = Format(name="tfrecord", recognise=recognise, read=read)
