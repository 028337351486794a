"""Protobuf's text format of TensorFlow graphs, written as the wire format that graphs are read in.

Only the plain form that TensorFlow itself prints is taken; anything else is None, so that
whoever asks stays with what the text's operations alone tell.

Source: protobuf.dev, "Text Format Language Specification".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from scanner.patterns import pattern

_STRING: Final = rb"(?:\"(?:[^\"\\\n]|\\.)*+\"|'(?:[^'\\\n]|\\.)*+')"
_TOKEN: Final = pattern(
    rb"\s*+(?:(?P<string>(?:" + _STRING + rb"\s*+)++)|(?P<word>[\w.+-]++)|(?P<mark>[{}<>:,;]))\s*+"
)
_ESCAPED: Final = pattern(rb"\\[^0-7\"']")
"""What no name needs, and readers of text may take in different ways."""
_DEEPEST: Final = 64

# By message: its fields that matter here, their numbers, and the message that they hold.
_FIELDS: Final = {
    "top": {"node": (1, "node"), "library": (2, "library"), "meta_graphs": (0, "meta"),
            "graph_def": (0, "top")},
    "meta": {"graph_def": (0, "top")},
    "library": {"function": (1, "function")},
    "function": {"signature": (1, "signature"), "node_def": (3, "node")},
    "signature": {"name": (1, "")},
    "node": {"name": (1, ""), "op": (2, ""), "input": (3, ""), "attr": (5, "attr")},
    "attr": {"key": (1, ""), "value": (2, "value")},
    "value": {"s": (2, ""), "list": (1, "list"), "tensor": (8, "tensor"), "func": (10, "func")},
    "list": {"func": (9, "func")},
    "func": {"name": (1, "")},
    "tensor": {"string_val": (8, "")},
}  # fmt: skip
"""Number 0 holds a graph, whose fields are taken as the outermost graph's own."""


def graph_of(data: bytes, plain: Callable[[bytes], str]) -> bytes | None:
    """The graph that a text describes, in the wire format, or None where it is not plain.

    `plain` reads a string literal, or several in a row.
    """
    kinds: list[str] = ["top"]
    parts: list[list[bytes]] = [[]]
    numbers: list[int] = [0]
    name, colon, at = "", False, 0
    while at < len(data):
        match = _TOKEN.match(data, at)
        if match is None:
            return None
        at = match.end()
        mark = match["mark"] or b""
        field = _FIELDS.get(kinds[-1], {}).get(name)
        if mark == b":" and name and not colon:
            colon = True
        elif mark in (b"{", b"<") and name and len(kinds) < _DEEPEST:
            number, kind = field or (-1, "other")
            kinds.append(kind)
            numbers.append(number)
            parts.append(parts[-1] if number == 0 else [])
            name, colon = "", False
        elif mark in (b"}", b">") and not name and len(kinds) > 1:
            number, kind, inner = numbers.pop(), kinds.pop(), parts.pop()
            if number > 0 and kind:
                parts[-1].append(_field(number, b"".join(inner)))
        elif mark in (b",", b";") and not name:
            continue
        elif match["word"] and not name:
            name = match["word"].decode("ascii", "replace")
        elif (match["word"] or match["string"]) and colon:
            named = field and kinds[-1] not in ("tensor", "value")
            if named and match["string"] and _ESCAPED.search(match["string"]):
                return None
            if field and match["string"]:
                # A byte that is no UTF-8 comes out as another text, and as no known suffix.
                parts[-1].append(_field(field[0], plain(match["string"]).encode()))
            name, colon = "", False
        else:
            return None
    return b"".join(parts[0]) if len(kinds) == 1 and not name else None


def _field(number: int, content: bytes) -> bytes:
    size, length = b"", len(content)
    while length > 0x7F:
        size += bytes([length & 0x7F | 0x80])
        length >>= 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + content
