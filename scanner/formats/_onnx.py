"""What ONNX's reader shares with the reader of data that lies beside a model.

Source: `onnx.proto`; the external data convention.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.formats._protobuf import BYTES, VARINT, fields, shape, text

INSIDE = {
    ("model", 7): "graph", ("model", 8): "opset", ("model", 25): "function",
    ("model", 20): "training", ("training", 1): "graph", ("training", 2): "graph",
    ("graph", 1): "node", ("graph", 5): "tensor", ("graph", 15): "sparse",
    ("function", 7): "node", ("function", 9): "opset",
    ("function", 11): "attribute", ("node", 5): "attribute",
    ("attribute", 5): "tensor", ("attribute", 6): "graph", ("attribute", 10): "tensor",
    ("attribute", 11): "graph", ("attribute", 22): "sparse", ("attribute", 23): "sparse",
    ("sparse", 1): "tensor", ("sparse", 2): "tensor", ("tensor", 13): "entry",
}  # fmt: skip
"""Which message lies under which field of which."""

_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26})
_GRAPH = frozenset({1, 2, 5, 10, 11, 12, 13, 14, 15, 16})


def is_model(data: memoryview) -> bool:
    """Whether it has an IR version, then fields of a model, and its graph is one."""
    if bytes(data[:1]) != b"\x08":
        return False
    found = shape(data, most=200)
    if found is None or found[0] != (1, VARINT) or not {one for one, _ in found} <= _FIELDS:
        return False
    for number, wire, value in fields(data):
        if number == 7:
            graph = shape(value) if wire == BYTES and isinstance(value, memoryview) else None
            return graph is not None and {one for one, _ in graph} <= _GRAPH
    return False


def entry(data: memoryview) -> tuple[str, str]:
    """A key and its value.

    Raises:
        WireError: It is no message.
    """
    parts = {number: text(value) for number, wire, value in fields(data) if wire == BYTES}
    return parts.get(1, ""), parts.get(2, "")


def external(data: memoryview) -> Iterator[tuple[str, int, int]]:
    """Yield (location, offset, length) of each tensor that lies in another file.

    Raises:
        WireError: The model is damaged.
    """
    pending = [("model", data)]
    while pending:
        kind, message = pending.pop()
        said: dict[str, str] = {}
        for number, wire, value in fields(message):
            inner = INSIDE.get((kind, number))
            if inner is None or wire != BYTES or not isinstance(value, memoryview):
                continue
            if inner == "entry":
                key, content = entry(value)
                said[key] = content
            else:
                pending.append((inner, value))
        if "location" in said:
            yield said["location"], _count(said.get("offset")), _count(said.get("length"))


def _count(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 20 else 0
