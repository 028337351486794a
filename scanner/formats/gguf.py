"""GGUF models: metadata with a chat template, and tensors that must lie inside the file.

Source: `docs/gguf.md` of ggml.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

from scanner.facts import Fact, TemplateFact
from scanner.formats import Format, Read
from scanner.reader import Blob

_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9
_MOST = 1_000_000
_KINDS = 63
"""Beyond every type of tensor that ggml has had."""
_BYTES = {0: 4, 1: 2, 24: 1, 25: 2, 26: 4, 27: 8, 28: 8, 30: 2}
"""Whole bytes an element, for types that are no blocks."""


def recognise(blob: Blob) -> bool:
    """Whether it begins with the magic."""
    return blob.head(4) == b"GGUF"


class _Cursor:
    """Numbers and strings, read one after another."""

    def __init__(self, data: memoryview, order: str) -> None:
        self.data = data
        self.at = 4
        self.order = order

    def number(self, form: str) -> int:
        (value,) = struct.unpack_from(self.order + form, self.data, self.at)
        self.at += struct.calcsize(form)
        return int(value)

    def string(self) -> str:
        return bytes(self.raw()).decode("utf-8", "replace")

    def raw(self) -> memoryview:
        length = self.number("Q")
        if length > len(self.data) - self.at:
            raise ValueError("a string runs past the end")
        start, self.at = self.at, self.at + length
        return self.data[start : self.at]

    def skip(self, kind: int) -> None:
        """Step over a value; arrays may nest, so the walk keeps its own stack."""
        pending = [(kind, 1)]
        while pending:
            kind, count = pending.pop()
            if kind in _SIZES:
                self.at += _SIZES[kind] * count
            elif kind == _STRING:
                for _ in range(count):
                    self.string()
            elif kind == _ARRAY:
                inner, length = self.number("I"), self.number("Q")
                if length > len(self.data) - self.at:
                    raise ValueError("an array runs past the end")
                if count > 1:
                    pending.append((_ARRAY, count - 1))
                pending.append((inner, length))
            else:
                raise ValueError(f"unknown value type {kind}")
            if self.at > len(self.data):
                raise ValueError("a value runs past the end")


def read(blob: Blob) -> Read:
    """Yield chat templates, what other values hold, and whatever the header gets wrong."""
    from scanner.formats import _strings
    from scanner.formats.hidden_pickle import hidden

    version = int.from_bytes(blob.data[4:8], "little")
    order = "<" if version < 1 << 16 else ">"
    cursor = _Cursor(blob.data, order)
    facts: list[Fact | Blob] = []
    try:
        if cursor.number("I") not in (2, 3):
            yield blob.problem("malformed", "an unknown GGUF version", fatal=True)
            return
        tensors, pairs = cursor.number("Q"), cursor.number("Q")
        if tensors > _MOST or pairs > _MOST:
            yield blob.problem("limit-reached", "too many tensors or values", fatal=True)
            return
        keys: set[str] = set()
        for _ in range(pairs):
            key = cursor.string()
            if key in keys:
                facts.append(blob.problem("duplicate-key", f"{key[:100]!r} occurs twice"))
            keys.add(key)
            kind = cursor.number("I")
            if kind == _STRING and "chat_template" in key:
                facts.append(TemplateFact(where=blob.where(cursor.at), source=cursor.string()))
            elif kind == _STRING:
                value = cursor.raw()
                if len(value) > 8:
                    facts.extend(_strings.held(blob, key, bytes(value)))
            elif kind == _ARRAY and "template" in key:
                facts.extend(_templates(blob, cursor))
            else:
                start = cursor.at
                cursor.skip(kind)
                if kind == _ARRAY:
                    listed = blob.inner(blob.data[start : cursor.at], key[:200], hint="raw")
                    facts.extend(hidden(listed, whole=True))
        facts.extend(_tensors(blob, cursor, tensors))
    except (struct.error, ValueError, OverflowError) as error:
        facts.append(blob.problem("malformed", f"the GGUF header is damaged: {error}", fatal=True))
    yield from facts


def _templates(blob: Blob, cursor: _Cursor) -> Iterator[Fact]:
    """Yield the templates of an array of strings."""
    inner, length = cursor.number("I"), cursor.number("Q")
    if inner != _STRING or length > len(blob.data):
        raise ValueError("templates that are no strings")
    for _ in range(length):
        yield TemplateFact(where=blob.where(cursor.at), source=cursor.string())


def _tensors(blob: Blob, cursor: _Cursor, count: int) -> Iterator[Fact]:
    """Yield what is wrong with the list of tensors: each must lie in the file, and once."""
    names: set[str] = set()
    ends = []
    for _ in range(count):
        name, dimensions = cursor.string(), cursor.number("I")
        if dimensions > 8:
            raise ValueError("a tensor of too many dimensions")
        elements = math.prod(cursor.number("Q") for _ in range(dimensions))
        kind, offset = cursor.number("I"), cursor.number("Q")
        if kind > _KINDS:
            raise ValueError(f"unknown tensor type {kind}")
        if name in names:
            yield blob.problem("duplicate-key", f"the tensor {name[:100]!r} occurs twice")
        names.add(name)
        # The smallest type of any version takes less than two bits an element.
        ends.append(offset + (elements * _BYTES.get(kind, 0) or elements // 8))
    if ends and max(ends) > len(blob.data) - cursor.at:
        yield blob.problem("incomplete", "tensors lie past the end", fatal=True)


FORMAT = Format(name="gguf", recognise=recognise, read=read)
