"""Text and numbers as the unpicklers read them from an opcode's argument."""

from __future__ import annotations

import re
from typing import Final

from scanner.patterns import pattern
from scanner.pickles.ledger import Stopped

SHORT_TEXT: Final = 1 << 16
"""The longest text and line that are kept as such, in bytes."""

DECIMAL: Final = pattern(rb"-?(?:0|[1-9][0-9]{0,1000})")
"""An integer as a pickler writes it."""

_ESCAPE: Final = pattern(rb"\\(\n|x[0-9a-fA-F]{2}|[0-7]{1,3}|.|$)", re.DOTALL)
_LETTERS: Final = {
    b"\n": b"", b"\\": b"\\", b"'": b"'", b'"': b'"', b"b": b"\b", b"f": b"\f", b"t": b"\t",
    b"n": b"\n", b"r": b"\r", b"v": b"\v", b"a": b"\a",
}  # fmt: skip


def text_of(raw: bytes) -> str:
    """Decode text as BINUNICODE does."""
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise Stopped("bad-string", "a string is not UTF-8") from None


def line_text(raw: bytes) -> str:
    """Decode a module or name as GLOBAL does."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Stopped("bad-string", "the name of a global is not UTF-8") from None


def legacy_text(raw: bytes) -> str:
    """Decode a Python 2 string; its encoding is the loader's choice, so ASCII is sure alone."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def unescaped(raw: bytes) -> bytes:
    """Resolve the escapes of a STRING."""
    return _ESCAPE.sub(_unescape, raw)


def _unescape(match: re.Match[bytes]) -> bytes:
    what = match[1]
    if what in _LETTERS:
        return _LETTERS[what]
    if what[:1] == b"x" and len(what) == 3:
        return bytes((int(what[1:], 16),))
    if what.isdigit() and what[0] in b"01234567":
        return bytes((int(what, 8) & 0xFF,))
    if what in (b"", b"x"):
        raise Stopped("bad-string", "STRING has a broken escape")
    return b"\\" + what


def index_of(line: bytes) -> int:
    """Read a memo index; the C unpickler stops at a NUL, and both take `int`'s spellings."""
    try:
        index = int(line.partition(b"\0")[0])
    except ValueError:
        raise Stopped("bad-number", "a memo index is no number") from None
    if index < 0:
        raise Stopped("bad-number", "a memo index is negative")
    return index
