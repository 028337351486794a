"""ONNX models: tensors kept in other files, and operators outside the standard domains.

Source: `onnx.proto` (IR version 10); the external data convention.
"""

from __future__ import annotations

import re

from scanner.facts import CodeFact, MemberFact
from scanner.formats import Format, Read
from scanner.formats._protobuf import BYTES, VARINT, WireError, fields, shape, text
from scanner.reader import Blob

_DOMAINS = frozenset(
    {"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training",
     "ai.onnx.preview", "com.microsoft", "com.microsoft.nchwc", "com.microsoft.experimental",
     "org.pytorch.aten"}
)  # fmt: skip
_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26})
_OUTSIDE = re.compile(r"^(?:[/\\~]|[A-Za-z]:|[a-z][a-z0-9+.-]*://)|(?:^|[/\\])\.\.(?:[/\\]|$)|\0")
_MOST = 5_000_000


def recognise(blob: Blob) -> bool:
    """Whether it has an IR version, a graph and operator sets."""
    if blob.head(1) != b"\x08":
        return False
    found = shape(blob.data, most=200)
    if found is None or found[0] != (1, VARINT):
        return False
    numbers = {number for number, _ in found}
    return numbers <= _FIELDS and (7, BYTES) in found


def read(blob: Blob) -> Read:
    """Yield tensors that lie elsewhere and operators of foreign domains."""
    pending: list[tuple[str, memoryview]] = [("model", blob.data)]
    domains: dict[str, int] = {}
    steps = 0
    try:
        while pending:
            kind, data = pending.pop()
            external: dict[str, str] = {}
            for number, wire, value in fields(data):
                steps += 1
                if steps > _MOST:
                    yield blob.problem("limit-reached", "too many nodes", fatal=True)
                    return
                if wire != BYTES or not isinstance(value, memoryview):
                    continue
                inner = _INSIDE.get((kind, number))
                if inner == "entry":
                    key, content = _entry(value)
                    external[key] = content
                elif inner is not None:
                    pending.append((inner, value))
                elif (kind, number) in (("node", 7), ("opset", 1)):
                    name = text(value)
                    if name not in _DOMAINS:
                        domains[name] = domains.get(name, 0) + 1
            location = external.get("location")
            if location is not None and _OUTSIDE.search(location):
                yield MemberFact(
                    where=blob.where(), name=location[:200], kind="external-tensor", size=0,
                    compressed_size=0, target=location[:200],
                )  # fmt: skip
    except WireError as error:
        yield blob.problem("malformed", f"the model is damaged: {error}", fatal=True)
    for name in sorted(domains):
        yield CodeFact(
            where=blob.where(), count=domains[name], language="onnx-op", names=(name[:200],),
            detail="operators that a library of its own provides",
        )  # fmt: skip


def _entry(data: memoryview) -> tuple[str, str]:
    parts = {number: text(value) for number, wire, value in fields(data) if wire == BYTES}
    return parts.get(1, ""), parts.get(2, "")


_INSIDE = {
    ("model", 7): "graph", ("model", 8): "opset", ("model", 25): "function",
    ("model", 20): "training", ("training", 1): "graph", ("training", 2): "graph",
    ("graph", 1): "node", ("graph", 5): "tensor", ("graph", 15): "sparse",
    ("function", 7): "node", ("function", 9): "opset", ("node", 5): "attribute",
    ("attribute", 5): "tensor", ("attribute", 6): "graph", ("attribute", 10): "tensor",
    ("attribute", 11): "graph", ("attribute", 22): "sparse", ("attribute", 23): "sparse",
    ("sparse", 1): "tensor", ("sparse", 2): "tensor", ("tensor", 13): "entry",
}  # fmt: skip

FORMAT = Format(name="onnx", recognise=recognise, read=read)
