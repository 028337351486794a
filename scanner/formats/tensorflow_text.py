"""TensorFlow graphs in protobuf's text format (`.pbtxt`): which operations they would run.

Source: protobuf.dev, "Text Format Language Specification"; `tensorflow/core/framework/graph.proto`.
"""

from __future__ import annotations

import re

from scanner.formats import Format, Read
from scanner.formats._protobuf import WireError
from scanner.formats._tensorflow_messages import graph_of
from scanner.formats._tensorflow_ops import REVIEWED
from scanner.formats._text import first_word, is_text
from scanner.formats.tensorflow import DANGEROUS, SAVING, dangerous, saves, unreviewed
from scanner.patterns import pattern
from scanner.reader import Blob

_NODE = pattern(rb"\b(?:node|node_def|meta_graphs|graph_def|library)\s*:?\s*[{<]")
_STRING = rb"(?:\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')"
_OPERATION = pattern(rb"\bop\s*:\s*((?:" + _STRING + rb"\s*)+)")
_SIGNATURE = pattern(rb"\bsignature\s*:?\s*[{<]\s*name\s*:\s*((?:" + _STRING + rb"\s*)+)")
"""How a library's function says its name, by which nodes call it."""
_LARGEST = 64 << 20
_PIECE = pattern(_STRING)
_ESCAPE = pattern(rb"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|(.))", re.DOTALL)


def recognise(blob: Blob) -> bool:
    """Whether it is text with nodes that have operations."""
    if first_word(blob)[:1] in (b"{", b"["):
        return False
    return is_text(blob) and bool(_NODE.search(blob.data) and _OPERATION.search(blob.data))


def _unescape(match: re.Match[bytes]) -> bytes:
    octal, code, other = match.groups()
    if octal is not None:
        return bytes([int(octal, 8) & 0xFF])
    return bytes([int(code, 16)]) if code is not None else bytes(other)


def _plain(literal: bytes) -> str:
    """A string literal, or several in a row, as the parser joins them."""
    whole = b"".join(piece[1:-1] for piece in _PIECE.findall(literal))
    return _ESCAPE.sub(_unescape, whole).decode("utf-8", "replace")


def read(blob: Blob) -> Read:
    """Yield each operation that is dangerous, or that nobody reviewed, once."""
    seen: dict[str, int] = {}
    defined = {_plain(match[1]) for match in _SIGNATURE.finditer(blob.data)}
    for match in _OPERATION.finditer(blob.data):
        name = _plain(match[1])
        seen[name] = seen.get(name, 0) + 1
    ordinary = _saves_only_where_told(blob, seen)
    for name in sorted(seen):
        if ordinary and name in SAVING:
            continue
        if name in DANGEROUS:
            yield dangerous(blob, name, seen[name])
        elif name not in REVIEWED and name not in defined:
            yield unreviewed(blob, name, seen[name])


def _saves_only_where_told(blob: Blob, seen: dict[str, int]) -> bool:
    """Whether all that saves is a saver's own; a text that is not plainly read says nothing."""
    expected = sum(count for name, count in seen.items() if name in SAVING)
    if not expected or len(blob.data) > _LARGEST:
        return False
    graph = graph_of(bytes(blob.data), _plain)
    try:
        return graph is not None and saves(graph) == (expected, True)
    except WireError:
        return False


FORMAT = Format(name="tensorflow-text", recognise=recognise, read=read)
