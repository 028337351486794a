"""Protocol buffer messages, field by field."""

from __future__ import annotations


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(tag: int, value: int) -> bytes:
    return varint(tag << 3) + varint(value)


def chunk(tag: int, value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return varint(tag << 3 | 2) + varint(len(raw)) + raw


def table(entries: dict[bytes, bytes]) -> bytes:
    """A sorted string table of one block, as the index of a TensorFlow checkpoint is."""

    def block(pairs: list[tuple[bytes, bytes]]) -> bytes:
        body = b"".join(
            varint(0) + varint(len(key)) + varint(len(value)) + key + value for key, value in pairs
        )
        return body + bytes(4) + (1).to_bytes(4, "little")

    data = block(sorted(entries.items()))
    handle = varint(0) + varint(len(data))
    index = block([(b"\xff", handle)])
    start = len(data) + 5
    footer = varint(0) * 2 + varint(start) + varint(len(index))
    magic = 0xDB4775248B80FB57.to_bytes(8, "little")
    return data + bytes(5) + index + bytes(5) + footer.ljust(40, b"\0") + magic


def place(offset: int, size: int, shard: int = 0) -> bytes:
    """Where a variable lies in the data files of a checkpoint."""
    return number(1, 1) + number(3, shard) + number(4, offset) + number(5, size)
