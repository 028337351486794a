"""Protocol buffers without their schema: the wire format, field by field, nothing copied.

Source: protobuf.dev, "Encoding".
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class WireError(ValueError):
    """These bytes are no message."""


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise WireError("a number runs past the end")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Yield (number, wire type, value) for each field; values of BYTES are windows.

    Raises:
        WireError: The bytes are no message.
    """
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if not number:
            raise WireError("field number zero")
        if wire == VARINT:
            value, at = _varint(data, at)
            yield number, wire, value
            continue
        if wire == BYTES:
            size, at = _varint(data, at)
        elif wire in (FIXED64, FIXED32):
            size = 8 if wire == FIXED64 else 4
        else:
            raise WireError("an unknown wire type")
        if at + size > len(data):
            raise WireError("a field runs past the end")
        yield number, wire, data[at : at + size]
        at += size


def shape(data: memoryview, most: int = 64) -> list[tuple[int, int]] | None:
    """The (number, wire type) of the first fields, None when these bytes are no message."""
    seen: list[tuple[int, int]] = []
    try:
        for number, wire, _ in fields(data):
            seen.append((number, wire))
            if len(seen) >= most:
                break
    except WireError:
        return None
    return seen


def text(value: int | memoryview) -> str:
    """A string field; no path or name that means anything is longer than what is taken of it."""
    return bytes(value[:65_536]).decode("utf-8", "replace") if isinstance(value, memoryview) else ""
