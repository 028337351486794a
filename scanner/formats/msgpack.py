"""MessagePack, as Flax writes its weights: maps of names, arrays as extension 1, scalars as 3.

Read with the msgpack library under limits. Flax gives other extension codes no meaning, so
one here is something that another loader gives meaning to.

Source: `flax/serialization.py`; the MessagePack specification.
"""

from __future__ import annotations

from typing import Any

from scanner.formats import Format, Read
from scanner.reader import Blob

_KNOWN = frozenset({1, 2, 3})
_DTYPES = frozenset(
    [
        "bool",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "float16",
        "float32",
        "float64",
        "bfloat16",
        "complex64",
        "complex128",
        "float8_e4m3fn",
        "float8_e5m2",
        "float8_e4m3b11fnuz",
        "int4",
        "uint4",
    ]
)
_DEPTH = 100


def recognise(blob: Blob) -> bool:
    """Whether a map of string keys begins here."""
    head = blob.head(8)
    if len(head) < 3:
        return False
    if head[0] & 0xF0 == 0x80 and head[0] != 0x80:
        key = head[1]
    elif head[0] == 0xDE and len(head) > 3:
        key = head[3]
    elif head[0] == 0xDF and len(head) > 5:
        key = head[5]
    else:
        return False
    if not (0xA1 <= key <= 0xBF or key in (0xD9, 0xDA)):
        return False
    start = {0xDE: 3, 0xDF: 5}.get(head[0], 1) + {0xD9: 2, 0xDA: 3}.get(key, 1)
    length = key - 0xA0 if key <= 0xBF else 1
    name = bytes(blob.data[start : start + max(1, min(length, 16))])
    return bool(name) and all(byte >= 32 and byte != 127 for byte in name)


def read(blob: Blob) -> Read:
    """Yield what does not belong into weights: foreign extensions, lies about sizes."""
    import msgpack

    size = len(blob.data)
    problems: list[tuple[str, str]] = []

    def extension(code: int, payload: bytes) -> object:
        if code not in _KNOWN:
            problems.append(("foreign-extension", f"extension type {code} is none of Flax's"))
        elif code in (1, 3):
            problem = _array(payload)
            if problem:
                problems.append(("malformed", problem))
        return None

    def pairs(items: list[tuple[Any, Any]]) -> dict[Any, Any]:
        made = {str(key): value for key, value in items}
        if len(made) != len(items):
            problems.append(("duplicate-key", "a map has a key twice"))
        return made

    unpacker = msgpack.Unpacker(
        raw=False, strict_map_key=False, ext_hook=extension, object_pairs_hook=pairs,
        max_buffer_size=size + 1, max_str_len=1 << 20, max_bin_len=size,
        max_array_len=min(size, 1 << 20), max_map_len=min(size, 1 << 20), max_ext_len=size,
    )  # fmt: skip
    try:
        unpacker.feed(blob.data)
        unpacker.unpack()
        end = unpacker.tell()
    except (ValueError, msgpack.exceptions.UnpackException, TypeError) as error:
        yield blob.problem("malformed", f"no valid MessagePack: {type(error).__name__}", fatal=True)
        return
    seen: set[tuple[str, str]] = set()
    for kind, message in problems:
        if (kind, message) not in seen and len(seen) < 50:
            seen.add((kind, message))
            yield blob.problem(kind, message, fatal=kind == "malformed")
    if end < size:
        yield blob.problem("trailing-data", f"{size - end} bytes follow", offset=end, fatal=True)


def _array(payload: bytes) -> str | None:
    """What is wrong with an array (shape, dtype, bytes), if anything."""
    import msgpack

    try:
        made = msgpack.unpackb(payload, raw=False, max_array_len=64, max_map_len=0)
    except (ValueError, msgpack.exceptions.UnpackException, TypeError):
        return "an array's header is damaged"
    if not isinstance(made, (list, tuple)) or len(made) != 3:
        return "an array is not (shape, type, bytes)"
    shape, dtype, data = made
    name = dtype.decode("ascii", "replace") if isinstance(dtype, bytes) else dtype
    if not isinstance(shape, (list, tuple)) or not all(
        type(size) is int and size >= 0 for size in shape
    ):
        return "an array's shape is no list of sizes"
    if name not in _DTYPES:
        return f"an array has the type {str(name)[:40]!r}"
    return None if isinstance(data, bytes) else "an array has no bytes"


FORMAT = Format(name="msgpack", recognise=recognise, read=read)
