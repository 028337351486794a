"""Sorted string tables, in which TensorFlow keeps the index of a checkpoint.

Source: LevelDB's `table_format.md`; `tensorflow/core/lib/io/format.cc`; the bundle format in
`tensorflow/core/protobuf/tensor_bundle.proto`.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.formats._protobuf import BYTES, VARINT, WireError, fields

MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")
_FOOTER = 48
_MOST = 1_000_000


class TableError(ValueError):
    """These bytes are no table, or use a compression that checkpoints do not."""


def is_table(data: memoryview) -> bool:
    """Whether the footer ends with the magic number."""
    return len(data) >= _FOOTER and bytes(data[-8:]) == MAGIC


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise TableError("a number runs past its block")


def _block(data: memoryview, offset: int, size: int) -> memoryview:
    if offset + size + 5 > len(data) - _FOOTER:
        raise TableError("a block lies past the end")
    if data[offset + size]:
        raise TableError("a block is compressed")
    return data[offset : offset + size]


def _entries(block: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    if len(block) < 4:
        raise TableError("a block is too short")
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 - 4 * restarts
    if end < 0:
        raise TableError("a block has more restart points than bytes")
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        length, at = _varint(block, at)
        if shared > len(key) or at + own + length > end:
            raise TableError("an entry runs past its block")
        key = key[:shared] + bytes(block[at : at + own])
        at += own
        yield key, block[at : at + length]
        at += length


def entries(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the keys and values of a table, in its order.

    Raises:
        TableError: The table is damaged.
    """
    footer = data[len(data) - _FOOTER : len(data) - 8]
    at = _varint(footer, _varint(footer, 0)[1])[1]
    offset, at = _varint(footer, at)
    size, _ = _varint(footer, at)
    count = 0
    for _, handle in _entries(_block(data, offset, size)):
        start, at = _varint(handle, 0)
        length, _ = _varint(handle, at)
        for key, value in _entries(_block(data, start, length)):
            count += 1
            if count > _MOST:
                raise TableError("too many entries")
            yield key, value


def shards(data: memoryview) -> dict[int, int]:
    """How many bytes each data file of a checkpoint has, by number.

    Raises:
        TableError: The table is damaged, or holds no checkpoint.
    """
    found: dict[int, int] = {}
    try:
        for key, value in entries(data):
            parts = {number: got for number, wire, got in fields(value) if wire in (VARINT, BYTES)}
            if not key:
                continue
            shard, offset, size = (parts.get(number, 0) for number in (3, 4, 5))
            if isinstance(shard, int) and isinstance(offset, int) and isinstance(size, int):
                found[shard] = max(found.get(shard, 0), offset + size)
    except WireError as error:
        raise TableError(str(error)) from error
    return found
