"""Universal binary JSON, in which XGBoost keeps models; read to its last byte.

Source: the UBJSON specification, draft 12.
"""

from __future__ import annotations

import struct

from scanner.formats import Format, Read
from scanner.reader import Blob

_NUMBERS = {"i": "b", "U": "B", "I": "h", "l": "i", "L": "q", "d": "f", "D": "d", "C": "c"}
_LENGTHS = "iUIlL"
_CONSTANTS = "ZNTF"
_DEEPEST = 200
_MOST = 50_000_000


class _BadError(ValueError):
    """These bytes are no UBJSON."""


class _Cursor:
    """Steps over values; containers keep an explicit stack."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.at = 0

    def mark(self) -> str:
        if self.at >= len(self.data):
            raise _BadError("it is cut off")
        self.at += 1
        return chr(self.data[self.at - 1])

    def peek(self) -> str:
        return chr(self.data[self.at]) if self.at < len(self.data) else ""

    def length(self) -> int:
        mark = self.mark()
        if mark not in _LENGTHS:
            raise _BadError("a length is no integer")
        form = ">" + _NUMBERS[mark]
        try:
            (value,) = struct.unpack_from(form, self.data, self.at)
        except struct.error:
            raise _BadError("it is cut off") from None
        self.at += struct.calcsize(form)
        if not 0 <= value <= len(self.data):
            raise _BadError("a length is out of range")
        return int(value)

    def skip(self, count: int) -> None:
        self.at += count
        if self.at > len(self.data):
            raise _BadError("it is cut off")

    def scalar(self, mark: str) -> None:
        if mark in _CONSTANTS:
            return
        if mark in _NUMBERS:
            self.skip(struct.calcsize(_NUMBERS[mark]))
        elif mark in "SH":
            self.skip(self.length())
        else:
            raise _BadError("an unknown type")

    def opened(self, kind: str) -> list[object]:
        """Read what may follow an opening bracket; return [kind, element type, count]."""
        element, count = "", -1
        if self.peek() == "$":
            self.at += 1
            element = self.mark()
        if self.peek() == "#":
            self.at += 1
            count = self.length()
        elif element:
            raise _BadError("a typed container has no count")
        if kind == "[" and element in _NUMBERS:
            self.skip(count * struct.calcsize(_NUMBERS[element]))
            return [kind, element, 0]
        return [kind, element, count]


def _walk(data: memoryview) -> int:
    """Step over one value and return where it ends."""
    cursor = _Cursor(data)
    cursor.mark()
    stack = [cursor.opened("{")]
    for _ in range(_MOST):
        if not stack:
            return cursor.at
        if len(stack) > _DEEPEST:
            raise _BadError("it nests too deep")
        top = stack[-1]
        kind, element, count = top
        closing = "}" if kind == "{" else "]"
        if count == 0 or (count == -1 and cursor.peek() == closing):
            cursor.at += count == -1
            stack.pop()
            continue
        if isinstance(count, int) and count > 0:
            top[2] = count - 1
        if kind == "{":
            cursor.skip(cursor.length())
        mark = str(element) or cursor.mark()
        if mark in "{[":
            stack.append(cursor.opened(mark))
        elif mark != "N" or kind == "{":
            cursor.scalar(mark)
    raise _BadError("it has too many values")


def recognise(blob: Blob) -> bool:
    """Whether an object begins whose first key has a binary length."""
    head = blob.head(12)
    return head[:1] == b"{" and head[1:2] in (b"L", b"i", b"U", b"#") and _has_key(blob)


def _has_key(blob: Blob) -> bool:
    cursor = _Cursor(blob.data[:4096])
    try:
        cursor.mark()
        cursor.opened("{")
        length = cursor.length()
    except _BadError:
        return False
    key = bytes(cursor.data[cursor.at : cursor.at + length])
    return len(key) == length and bool(key) and key.replace(b"_", b"").isalnum()


def read(blob: Blob) -> Read:
    """Yield that the document is damaged or does not fill the file, if so."""
    try:
        end = _walk(blob.data)
    except _BadError as error:
        yield blob.problem("malformed", f"no valid UBJSON: {error}", fatal=True)
        return
    if end < len(blob.data):
        yield blob.problem("trailing-data", "bytes follow the document", offset=end)


FORMAT = Format(name="ubjson", recognise=recognise, read=read)
