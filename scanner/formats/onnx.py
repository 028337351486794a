"""ONNX models: tensors kept in other files, and operators that no runtime has by itself.

An operator that the model itself defines, as a function of other operators, needs none.

Source: `onnx.proto` (IR version 10); the external data convention.
"""

from __future__ import annotations

from scanner.facts import CodeFact, MemberFact
from scanner.formats import Format, Read
from scanner.formats._onnx import INSIDE, entry, is_model
from scanner.formats._protobuf import BYTES, WireError, fields, text
from scanner.patterns import pattern
from scanner.reader import Blob

_DOMAINS = frozenset(
    {"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training",
     "ai.onnx.preview", "com.microsoft", "com.microsoft.nchwc", "com.microsoft.experimental",
     "com.ms.internal.nhwc", "org.pytorch.aten"}
)  # fmt: skip
_OUTSIDE = pattern(
    r"^\s*(?:[/\\~]|[A-Za-z]:|[A-Za-z][A-Za-z0-9+.-]*://)|(?:^|[/\\])\.\.(?:[/\\]|$)|\0"
)
_NAMES = frozenset({("node", 4), ("node", 7), ("function", 1), ("function", 10)})
"""An operator's type and domain, where it is used and where the model defines it itself."""
_ACTING = frozenset({"PyOp", "PythonOp", "PythonOpGrad", "EPContext", "ExternOp", "ATen"})
"""Operators of the known domains that call Python, or name a library, file or function to use."""
_MOST = 5_000_000


def recognise(blob: Blob) -> bool:
    """Whether it has an IR version and a graph."""
    return is_model(blob.data)


def read(blob: Blob) -> Read:
    """Yield tensors that lie elsewhere, operators of foreign domains, what metadata holds."""
    from scanner.formats import _strings
    from scanner.formats._onnx_ops import is_built_in

    pending: list[tuple[str, memoryview]] = [("model", blob.data)]
    domains: dict[str, int] = {}
    imported: set[str] = set()
    defined: set[tuple[str, str]] = set()
    called: dict[tuple[str, str], int] = {}
    steps = 0
    try:
        while pending:
            kind, data = pending.pop()
            external: dict[str, str] = {}
            places: list[str] = []
            said: dict[int, str] = {}
            for number, wire, value in fields(data):
                steps += 1
                if steps > _MOST:
                    yield blob.problem("limit-reached", "too many nodes", fatal=True)
                    return
                if wire != BYTES or not isinstance(value, memoryview):
                    continue
                inner = INSIDE.get((kind, number))
                if inner == "entry":
                    key, content = entry(value)
                    external[key] = content
                    if key == "location":
                        places.append(content)
                elif inner is not None:
                    pending.append((inner, value))
                elif (kind, number) == ("model", 14):
                    pair = {field: said for field, _, said in fields(value)}
                    written = pair.get(2)
                    if isinstance(written, memoryview) and len(written) > 8:
                        name = text(pair.get(1, 0))
                        yield from _strings.held(blob, f"metadata.{name}", bytes(written))
                elif (kind, number) == ("opset", 1):
                    imported.add(text(value))
                elif (kind, number) in _NAMES:
                    said[number] = text(value)
            if kind == "node":
                operator = said.get(7, ""), said.get(4, "")
                called[operator] = called.get(operator, 0) + 1
            elif kind == "function":
                defined.add((said.get(10, ""), said.get(1, "")))
            if external.get("basepath"):
                places.append(external["basepath"])
            for location in filter(_OUTSIDE.search, places):
                yield MemberFact(
                    where=blob.where(), name=location[:200], kind="external-tensor", size=0,
                    compressed_size=0, target=location[:200],
                )  # fmt: skip
    except WireError as error:
        yield blob.problem("malformed", f"the model is damaged: {error}", fatal=True)
    for (name, operator_type), count in called.items():
        if operator_type in _ACTING and name in _DOMAINS:
            yield CodeFact(
                where=blob.where(), count=count, language="onnx-op", names=(operator_type,),
                detail="runs Python, or loads a library or a file that it names",
            )  # fmt: skip
        elif not is_built_in(name, operator_type) and (name, operator_type) not in defined:
            yield CodeFact(
                where=blob.where(), count=count, language="onnx-op",
                names=(f"{name or 'ai.onnx'}.{operator_type}"[:200],),
                detail="no operator of its domain: a library would provide it",
            )  # fmt: skip
        if name not in _DOMAINS and (name, operator_type) not in defined:
            domains[name] = domains.get(name, 0) + count
    # A domain that is imported and never used needs its library all the same.
    for name in imported - _DOMAINS - {domain for domain, _ in defined}:
        domains.setdefault(name, 1)
    for name in sorted(domains):
        yield CodeFact(
            where=blob.where(), count=domains[name], language="onnx-op", names=(name[:200],),
            detail="operators that a library of its own provides",
        )  # fmt: skip


FORMAT = Format(name="onnx", recognise=recognise, read=read)
