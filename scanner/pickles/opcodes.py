"""The 68 opcodes of pickle protocols 0 to 5, and how each one's argument is laid out.

Written from the documentation of CPython's unpicklers, not from `pickletools`, whose parser
rejects streams that load. `ARGUMENTS` tells what follows an opcode:

    ""          nothing
    "N"         N bytes (a fixed width)
    "l", "ll"   one or two lines, each up to a newline
    "+N"        a length in N bytes, little-endian, then as many bytes of text
    "=N"        the same for bytes, which readers copy straight into place
"""

from __future__ import annotations

from typing import Final

_TABLE: Final = (
    ("MARK", "(", ""),
    ("STOP", ".", ""),
    ("POP", "0", ""),
    ("POP_MARK", "1", ""),
    ("DUP", "2", ""),
    ("FLOAT", "F", "l"),
    ("INT", "I", "l"),
    ("BININT", "J", "4"),
    ("BININT1", "K", "1"),
    ("LONG", "L", "l"),
    ("BININT2", "M", "2"),
    ("NONE", "N", ""),
    ("PERSID", "P", "l"),
    ("BINPERSID", "Q", ""),
    ("REDUCE", "R", ""),
    ("STRING", "S", "l"),
    ("BINSTRING", "T", "+4"),
    ("SHORT_BINSTRING", "U", "+1"),
    ("UNICODE", "V", "l"),
    ("BINUNICODE", "X", "+4"),
    ("APPEND", "a", ""),
    ("BUILD", "b", ""),
    ("GLOBAL", "c", "ll"),
    ("DICT", "d", ""),
    ("EMPTY_DICT", "}", ""),
    ("APPENDS", "e", ""),
    ("GET", "g", "l"),
    ("BINGET", "h", "1"),
    ("INST", "i", "ll"),
    ("LONG_BINGET", "j", "4"),
    ("LIST", "l", ""),
    ("EMPTY_LIST", "]", ""),
    ("OBJ", "o", ""),
    ("PUT", "p", "l"),
    ("BINPUT", "q", "1"),
    ("LONG_BINPUT", "r", "4"),
    ("SETITEM", "s", ""),
    ("TUPLE", "t", ""),
    ("EMPTY_TUPLE", ")", ""),
    ("SETITEMS", "u", ""),
    ("BINFLOAT", "G", "8"),
    ("PROTO", "\x80", "1"),
    ("NEWOBJ", "\x81", ""),
    ("EXT1", "\x82", "1"),
    ("EXT2", "\x83", "2"),
    ("EXT4", "\x84", "4"),
    ("TUPLE1", "\x85", ""),
    ("TUPLE2", "\x86", ""),
    ("TUPLE3", "\x87", ""),
    ("NEWTRUE", "\x88", ""),
    ("NEWFALSE", "\x89", ""),
    ("LONG1", "\x8a", "+1"),
    ("LONG4", "\x8b", "+4"),
    ("BINBYTES", "B", "=4"),
    ("SHORT_BINBYTES", "C", "=1"),
    ("SHORT_BINUNICODE", "\x8c", "+1"),
    ("BINUNICODE8", "\x8d", "+8"),
    ("BINBYTES8", "\x8e", "=8"),
    ("EMPTY_SET", "\x8f", ""),
    ("ADDITEMS", "\x90", ""),
    ("FROZENSET", "\x91", ""),
    ("NEWOBJ_EX", "\x92", ""),
    ("STACK_GLOBAL", "\x93", ""),
    ("MEMOIZE", "\x94", ""),
    ("FRAME", "\x95", "8"),
    ("BYTEARRAY8", "\x96", "=8"),
    ("NEXT_BUFFER", "\x97", ""),
    ("READONLY_BUFFER", "\x98", ""),
)

CODES: Final[dict[str, int]] = {name: ord(code) for name, code, _ in _TABLE}
"""Opcode by name, as the byte that stands for it."""

NAMES: Final[dict[int, str]] = {ord(code): name for name, code, _ in _TABLE}
"""Name by opcode byte; a byte that is no key is no opcode."""

ARGUMENTS: Final[dict[int, str]] = {ord(code): layout for _, code, layout in _TABLE}
"""Argument layout by opcode byte."""

HIGHEST_PROTOCOL: Final = 5
"""The highest protocol that any CPython up to 3.14 accepts."""
