"""Pickle streams for fuzzing: programs from a grammar, and mutations opcode by opcode.

Every stream is a function of the `random.Random` given, so a seed is enough to repeat one.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from scanner.pickles.opcodes import ARGUMENTS, CODES
from tests.builders import pickles as p

_NAMES = ("os", "system", "a", "b.c", "é", "x", "", "__class__")
_CODES = sorted(CODES.values())
_NUMBERS = ("0x10", "0o7", "1_0", " 5", "5\0junk", "010", "01", "00", "-3", "+0", "", "7L", "0b1")
_INDICES = ("0", "1", "2", " 1", "1_0", "0\0x", "٣", "-0")
_STRINGS = (b"'os'", b'"system"', b"'\\x6fs'", b"'\\157s'", b"'\xc3\xa9'", b"'o\\\\s'", b"'os\"")
_UNICODES = ("os", "\\u006fs", "syst\\u0065m", "\\U0000006fs", "\\", "\\u12")
_RAW = (b"os", b"system", b"\xc3\xa9", b"\xff", b"", b"\xed\xa0\x80")

Choice = random.Random
_ATOMS: tuple[Callable[[Choice], bytes], ...] = (
    lambda c: c.choice((p.NONE, p.TRUE, p.FALSE, p.EMPTY_TUPLE, p.EMPTY_LIST, p.EMPTY_DICT)),
    lambda c: c.choice((p.EMPTY_SET, p.EMPTY_LIST, p.EMPTY_DICT, p.EMPTY_TUPLE, p.NEXT_BUFFER)),
    lambda c: p.glob(c.choice(_NAMES), c.choice(_NAMES)),
    lambda c: p.stack_global(c.choice(_NAMES), c.choice(_NAMES)),
    lambda c: p.text(c.choice(_NAMES)),
    lambda c: p.binunicode(c.choice(_RAW)),
    lambda c: p.binunicode8(c.choice(_RAW)),
    lambda c: p.short_binstring(c.choice(_RAW)),
    lambda c: p.binbytes(c.choice(_RAW)),
    lambda c: p.binbytes8(c.choice(_RAW)),
    lambda c: p.bytearray8(c.choice(_RAW)),
    lambda c: p.integer(c.choice((0, 1, 2, 255, 256, 70_000, -1, 2**31, 2**70, -(2**63)))),
    lambda c: p.number(c.choice((0.0, -1.5, float("inf"), float("nan")))),
    lambda c: p.line(c.choice(("INT", "LONG")), c.choice(_NUMBERS)),
    lambda c: p.line("FLOAT", c.choice(("1.5", "inf", " 1", "1_0", "1e9", "x"))),
    lambda c: p.line("STRING", c.choice(_STRINGS)),
    lambda c: p.line("UNICODE", c.choice(_UNICODES)),
    lambda c: p.line("PERSID", c.choice(("1", "x y", "é"))),
    lambda c: p.line("GET", c.choice(_INDICES)),
    lambda c: p.get(c.randrange(4)),
    lambda c: p.long_get(c.choice((0, 1, 2, 3, 300))),
    lambda c: p.extension(c.randrange(1, 5), c.choice((1, 2, 4))),
)
"""Each pushes one value."""

_RECIPES: tuple[Callable[[Choice], bytes], ...] = (
    lambda c: p.glob(c.choice(_NAMES), c.choice(_NAMES)) + p.EMPTY_TUPLE + p.REDUCE,
    lambda c: p.stack_global(c.choice(_NAMES), "C") + p.EMPTY_TUPLE + p.NEWOBJ,
    lambda c: p.glob(c.choice(_NAMES), "C") + p.EMPTY_TUPLE + p.NEWOBJ + p.NONE + p.BUILD,
    lambda c: p.MARK + p.NONE + p.inst(c.choice(_NAMES), "K"),
    lambda c: p.MARK + p.glob(c.choice(_NAMES), "O") + p.NONE + p.OBJ,
    lambda c: p.glob("a", "L") + p.EMPTY_TUPLE + p.REDUCE + _atom(c) + p.APPEND,
    lambda c: p.glob("a", "L") + p.EMPTY_TUPLE + p.REDUCE + p.MARK + _atom(c) + p.APPENDS,
    lambda c: p.glob("a", "D") + p.EMPTY_TUPLE + p.REDUCE + p.NONE + p.NONE + p.SETITEM,
    lambda c: p.glob("a", "S") + p.EMPTY_TUPLE + p.REDUCE + p.MARK + p.NONE + p.ADDITEMS,
    lambda c: p.glob("m", "X") + p.EMPTY_TUPLE + p.EMPTY_DICT + p.NEWOBJ_EX,
    lambda c: _atom(c) + p.BINPERSID,
    lambda c: p.MARK + _atom(c) + _atom(c) + c.choice((p.TUPLE, p.LIST, p.DICT, p.FROZENSET)),
)
"""Each pushes one value, most by a call."""

_STEPS: tuple[tuple[bytes, int, int], ...] = (
    (p.POP, 1, 0), (p.DUP, 1, 2), (p.TUPLE1, 1, 1), (p.TUPLE2, 2, 1), (p.TUPLE3, 3, 1),
    (p.REDUCE, 2, 1), (p.NEWOBJ, 2, 1), (p.NEWOBJ_EX, 3, 1), (p.BUILD, 2, 1), (p.APPEND, 2, 1),
    (p.SETITEM, 3, 1), (p.STACK_GLOBAL, 2, 1), (p.BINPERSID, 1, 1), (p.MEMOIZE, 1, 1),
    (p.put(0), 1, 1), (p.put(1), 1, 1), (p.put(3), 1, 1), (p.long_put(2), 1, 1),
    (p.long_put(300), 1, 1), (p.line("PUT", "0"), 1, 1), (p.line("PUT", " 1"), 1, 1),
    (p.READONLY_BUFFER, 1, 1),
)  # fmt: skip
"""Opcode, how many values it takes, how many it leaves."""

_CLOSERS = (p.TUPLE, p.LIST, p.DICT, p.FROZENSET, p.POP_MARK, p.inst("m", "f"))
_INTO = (p.APPENDS, p.SETITEMS, p.ADDITEMS)


def _atom(chance: random.Random) -> bytes:
    return chance.choice(_ATOMS)(chance)


def program(chance: random.Random) -> bytes:
    """One pickle, most often one that loads, sometimes framed and sometimes lying about it."""
    parts = [p.proto(chance.choice((0, 1, 2, 3, 4, 5, 5, 6)))] if chance.random() < 0.7 else []
    depths = [0]
    for _ in range(chance.randrange(1, 24)):
        parts.append(_part(chance, depths))
    data = b"".join(parts)
    roll = chance.random()
    if roll < 0.2:
        length = None if roll < 0.1 else chance.choice((0, 1, len(data) // 2, len(data) + 9))
        data = p.proto(4) + p.frame(data + p.STOP, length=length)
        return data + (p.STOP if chance.random() < 0.3 else b"")
    return data + p.STOP


def _part(chance: random.Random, depths: list[int]) -> bytes:
    """One opcode or a few; `depths` has how many values lie above each mark."""
    roll = chance.random()
    if roll < 0.3:
        depths[-1] += 1
        return chance.choice(_RECIPES)(chance)
    if roll < 0.6:
        depths[-1] += 1
        return _atom(chance)
    if roll < 0.65:
        depths.append(0)
        return p.MARK
    if roll < 0.75 and len(depths) > 1:
        if depths[-2] and chance.random() < 0.5:
            depths.pop()
            return chance.choice(_INTO)
        depths.pop()
        closer = chance.choice(_CLOSERS)
        depths[-1] += closer is not p.POP_MARK
        return closer
    if roll < 0.78:
        return bytes((chance.choice(_CODES),))
    step, takes, leaves = chance.choice(_STEPS)
    if takes > depths[-1]:
        depths[-1] += 1
        return chance.choice(_RECIPES)(chance)
    depths[-1] += leaves - takes
    return step


def tokens(data: bytes) -> list[bytes]:
    """Cut a stream into opcodes with their arguments; what is no opcode is cut byte by byte."""
    found, at = [], 0
    while at < len(data):
        layout = ARGUMENTS.get(data[at], "")
        stop = at + 1
        if layout in ("l", "ll"):
            for _ in layout:
                stop = data.find(b"\n", stop) + 1 or len(data)
        elif layout.startswith(("+", "=")):
            width = int(layout[1:])
            stop += width + int.from_bytes(data[stop : stop + width], "little")
        elif layout:
            stop += int(layout)
        found.append(data[at : min(stop, len(data))])
        at = stop
    return found


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Change a stream opcode by opcode: dropped, doubled, swapped, replaced, or spliced in."""
    parts = tokens(data) or [p.NONE]
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        at = chance.randrange(len(parts))
        match chance.randrange(6):
            case 0:
                del parts[at : at + chance.choice((1, 1, 3))]
            case 1:
                parts[at:at] = parts[at : at + chance.choice((1, 2, 5))]
            case 2:
                other = chance.randrange(len(parts))
                parts[at], parts[other] = parts[other], parts[at]
            case 3:
                parts[at] = bytes((chance.choice(_CODES),)) + parts[at][1:]
            case 4:
                parts.insert(at, _part(chance, [9, 9]))
            case 5:
                parts[at:at] = tokens(program(chance))[:-1]
        if not parts:
            parts = [p.NONE]
    return b"".join(parts)
