"""Only what torch's printer writes is read at all, so no two readers can differ over it."""

from __future__ import annotations

import pytest

from scanner.torchscript.tokens import stray


@pytest.mark.parametrize(
    "text",
    ["", "\n", "x = 1\n", 'f("a b", 1.5e-05, 0.+1.j, -2)\n', "def f(self: A.B,\n    x: C) -> D:\n",
     r'"\n\t\\\"\303\251"', "x[0:1]",
     '{"a": 1, "b": 2}', '["a", "b", ]', "1., 9.9999999999999995e-07"],
)  # fmt: skip
def test_reads_what_the_printer_writes(text: str) -> None:
    assert stray(text) is None


@pytest.mark.parametrize(
    "text",
    ["# coding: utf-7", "x\t= 1", "x\r\n", "x\f", "x\0", "'a'", 'b"a"', 'f"a"', '"""a"""',
     '"a" "b"', '"a"\n"b"', "x; y", "\\\n", r'"\x41"', r'"\N{DIGIT ONE}"', r'"\400"', '"\n"',
     "é", '"é"', "1_0", "0x10", "1if", "a ** b", "a @ b", "a < b", "a := b", "@f", "a % b", "~a",
     "a | b", "a != b", "\N{NO-BREAK SPACE}", "\N{FULLWIDTH LATIN SMALL LETTER A}",
     "$", "`a`", '"a"b'],
)  # fmt: skip
def test_reads_nothing_else(text: str) -> None:
    assert stray(text) is not None


def test_tells_where() -> None:
    assert stray("x = 1 # y") == 6
