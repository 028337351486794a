"""The letters of a TorchScript source as torch's printer writes them.

Torch reads these files with a lexer of its own, Python's `ast` with another. They agree on
this subset: ASCII, lines ended by a line feed, indentation by spaces, double-quoted strings
with the escapes that the printer uses, no comments, no continuation of lines, no prefixes. What
is outside is not read at all, so no difference between the two can hide a statement.

Source: `torch/csrc/jit/serialization/python_print.cpp` and `torch/csrc/jit/frontend/lexer.h`.
"""

from __future__ import annotations

from scanner.patterns import pattern

_TOKEN = pattern(
    r"[A-Za-z_][A-Za-z0-9_]*(?![\"'])"
    r"|\"(?:[^\"\\\x00-\x1f\x7f-\U0010ffff]|\\(?:[abfnrtv\\\"']|[0-3][0-7]{2}))*\""
    r"(?![\"\w]|[ \n]*\")"
    r"|[0-9]+(?:\.[0-9]*)?(?:e[+-]?[0-9]+)?j?(?![\w.])"
    r"|->|[-+=:](?!=)|[(){}\[\],.]| +|\n"
)


def stray(text: str) -> int | None:
    """The offset of the first character that torch's printer does not write, or None."""
    at = 0
    for token in _TOKEN.finditer(text):
        if token.start() != at:
            return at
        at = token.end()
    return at if at < len(text) else None
