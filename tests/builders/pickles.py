"""An assembler for pickles: each function gives the bytes of one opcode with its argument.

    program(glob("os", "system"), text("true"), TUPLE1, REDUCE)

is a whole pickle. Opcodes without an argument are constants. Nothing is checked: pickles
that no pickler writes are what this is for. Payloads never do more than write a sentinel.
"""

from __future__ import annotations

import struct

from scanner.pickles.opcodes import CODES


def _op(name: str) -> bytes:
    return bytes((CODES[name],))


MARK, STOP, POP, POP_MARK, DUP = map(_op, ("MARK", "STOP", "POP", "POP_MARK", "DUP"))
NONE, TRUE, FALSE = map(_op, ("NONE", "NEWTRUE", "NEWFALSE"))
REDUCE, BUILD, OBJ, NEWOBJ, NEWOBJ_EX = map(_op, ("REDUCE", "BUILD", "OBJ", "NEWOBJ", "NEWOBJ_EX"))
APPEND, APPENDS, SETITEM, SETITEMS, ADDITEMS = map(
    _op, ("APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS")
)
EMPTY_LIST, EMPTY_DICT, EMPTY_TUPLE, EMPTY_SET = map(
    _op, ("EMPTY_LIST", "EMPTY_DICT", "EMPTY_TUPLE", "EMPTY_SET")
)
LIST, DICT, TUPLE, FROZENSET = map(_op, ("LIST", "DICT", "TUPLE", "FROZENSET"))
TUPLE1, TUPLE2, TUPLE3 = map(_op, ("TUPLE1", "TUPLE2", "TUPLE3"))
STACK_GLOBAL, MEMOIZE, BINPERSID = map(_op, ("STACK_GLOBAL", "MEMOIZE", "BINPERSID"))
NEXT_BUFFER, READONLY_BUFFER = map(_op, ("NEXT_BUFFER", "READONLY_BUFFER"))


def program(*parts: bytes, protocol: int | None = 4) -> bytes:
    """Return a whole pickle: PROTO (unless None), the parts, STOP."""
    head = b"" if protocol is None else proto(protocol)
    return head + b"".join(parts) + STOP


def proto(number: int) -> bytes:
    return _op("PROTO") + bytes((number,))


def frame(*parts: bytes, length: int | None = None) -> bytes:
    """Return a frame around the parts; `length` may lie."""
    inside = b"".join(parts)
    return _op("FRAME") + struct.pack("<Q", len(inside) if length is None else length) + inside


def glob(module: str, name: str) -> bytes:
    return _op("GLOBAL") + f"{module}\n{name}\n".encode()


def inst(module: str, name: str) -> bytes:
    return _op("INST") + f"{module}\n{name}\n".encode()


def stack_global(module: str, name: str) -> bytes:
    return text(module) + text(name) + STACK_GLOBAL


def text(value: str) -> bytes:
    """SHORT_BINUNICODE where it fits, else BINUNICODE."""
    raw = value.encode("utf-8", "surrogatepass")
    if len(raw) < 256:
        return _op("SHORT_BINUNICODE") + bytes((len(raw),)) + raw
    return binunicode(raw)


def binunicode(raw: bytes, length: int | None = None) -> bytes:
    return _op("BINUNICODE") + struct.pack("<I", len(raw) if length is None else length) + raw


def binunicode8(raw: bytes, length: int | None = None) -> bytes:
    return _op("BINUNICODE8") + struct.pack("<Q", len(raw) if length is None else length) + raw


def binbytes(raw: bytes, length: int | None = None) -> bytes:
    return _op("BINBYTES") + struct.pack("<I", len(raw) if length is None else length) + raw


def binbytes8(raw: bytes, length: int | None = None) -> bytes:
    return _op("BINBYTES8") + struct.pack("<Q", len(raw) if length is None else length) + raw


def bytearray8(raw: bytes, length: int | None = None) -> bytes:
    return _op("BYTEARRAY8") + struct.pack("<Q", len(raw) if length is None else length) + raw


def short_binstring(raw: bytes) -> bytes:
    return _op("SHORT_BINSTRING") + bytes((len(raw),)) + raw


def line(name: str, raw: bytes | str) -> bytes:
    """Return an opcode whose argument is a line (INT, LONG, STRING, UNICODE, GET, PUT, PERSID)."""
    return _op(name) + (raw.encode() if isinstance(raw, str) else raw) + b"\n"


def integer(value: int) -> bytes:
    """BININT1, BININT2, BININT or LONG1, as a pickler chooses."""
    if 0 <= value < 256:
        return _op("BININT1") + bytes((value,))
    if 0 <= value < 65536:
        return _op("BININT2") + struct.pack("<H", value)
    if -(2**31) <= value < 2**31:
        return _op("BININT") + struct.pack("<i", value)
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return _op("LONG1") + bytes((len(raw),)) + raw


def number(value: float) -> bytes:
    return _op("BINFLOAT") + struct.pack(">d", value)


def put(index: int) -> bytes:
    return _op("BINPUT") + bytes((index,))


def get(index: int) -> bytes:
    return _op("BINGET") + bytes((index,))


def long_put(index: int) -> bytes:
    return _op("LONG_BINPUT") + struct.pack("<I", index)


def long_get(index: int) -> bytes:
    return _op("LONG_BINGET") + struct.pack("<I", index)


def extension(code: int, width: int = 1) -> bytes:
    return _op(f"EXT{width}") + code.to_bytes(width, "little")


def call(module: str, name: str, *args: bytes) -> bytes:
    """GLOBAL and REDUCE with these arguments, each a part that pushes one value."""
    return glob(module, name) + MARK + b"".join(args) + TUPLE + REDUCE
