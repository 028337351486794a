"""numpy arrays in `.npy` files: an object array holds a pickle, and a header may lie about it.

Source: `numpy/lib/format.py`, versions 1.0 to 3.0.
"""

from __future__ import annotations

import ast

from scanner.formats import Format, Read
from scanner.patterns import pattern
from scanner.reader import Blob

_MAGIC = b"\x93NUMPY"
_WIDTH = pattern(r"[<>|=]?([biufcSVaUmM?])(\d+)?(?:\[[^\]]{0,20}\])?")


def recognise(blob: Blob) -> bool:
    """Whether it begins with numpy's magic."""
    return blob.head(6) == _MAGIC


def read(blob: Blob) -> Read:
    """Yield the pickle of an object array, and any disagreement of header and data."""
    head = blob.head(12)
    wide = 2 if len(head) > 6 and head[6] == 1 else 4
    length = int.from_bytes(head[8 : 8 + wide], "little")
    start = 8 + wide + length
    if len(head) < 12 or head[6] not in (1, 2, 3) or length > 1 << 20 or start > len(blob.data):
        yield blob.problem("malformed", "the numpy header is damaged", fatal=True)
        return
    text = bytes(blob.data[8 + wide : start]).decode("latin-1").strip()
    try:
        header = ast.literal_eval(text) if text.count("(") + text.count("[") < 200 else None
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        header = None
    if not isinstance(header, dict) or set(header) != {"descr", "fortran_order", "shape"}:
        yield blob.problem("malformed", "the numpy header is damaged", fatal=True)
        return
    shape = header["shape"]
    if not isinstance(shape, tuple) or not all(type(size) is int and size >= 0 for size in shape):
        yield blob.problem("malformed", "the shape is no tuple of sizes", fatal=True)
        return
    data = blob.data[start:]
    if _has_objects(header["descr"]):
        yield blob.inner(data, f"{blob.name}:objects", hint="pickle")
        return
    width = _width(header["descr"])
    elements = 1
    for size in shape:
        elements *= size
    if width is None:
        yield blob.problem("malformed", "the element type is unknown", fatal=True)
    elif elements * width > len(data):
        yield blob.problem("incomplete", "the array runs past the end", fatal=True)
    elif elements * width < len(data):
        offset = start + elements * width
        yield blob.problem("trailing-data", "bytes follow the array", offset=offset)
        yield blob.inner(blob.data[offset:], f"{blob.name}:rest")


def _has_objects(descr: object, depth: int = 0) -> bool:
    if depth > 20:
        return True
    if isinstance(descr, str):
        return "O" in descr
    if isinstance(descr, (list, tuple)):
        return any(_has_objects(part, depth + 1) for part in _types(descr))
    return True


def _types(descr: list[object] | tuple[object, ...]) -> list[object]:
    if isinstance(descr, tuple):
        return [descr[0]] if descr else []
    return [field[1] if isinstance(field, tuple) and len(field) > 1 else field for field in descr]


def _width(descr: object, depth: int = 0) -> int | None:
    """Bytes an element, None when that cannot be told."""
    if isinstance(descr, str):
        match = _WIDTH.fullmatch(descr)
        if match is None:
            return None
        count = int(match[2] or 1)
        return count * 4 if match[1] == "U" else count
    if isinstance(descr, tuple) and len(descr) == 2 and depth < 20:
        inner = _width(descr[0], depth + 1)
        counts = descr[1] if isinstance(descr[1], tuple) else (descr[1],)
        for count in counts:
            inner = inner * count if inner is not None and type(count) is int else None
        return inner
    if isinstance(descr, list) and depth < 20:
        total = 0
        for field in descr:
            if not isinstance(field, tuple) or len(field) not in (2, 3):
                return None
            kind = (field[1], field[2]) if len(field) == 3 else field[1]
            inner = _width(kind, depth + 1)
            if inner is None:
                return None
            total += inner
        return total
    return None


FORMAT = Format(name="numpy", recognise=recognise, read=read)
