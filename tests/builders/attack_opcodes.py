"""Techniques in the pickle's own language: how a call is spelled, hidden, or cut off."""

# Tables: one technique a line, whatever its length.
# ruff: noqa: E501

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import partial

from tests.builders import pickles as p
from tests.builders.gadgets import PY, SH, Technique, code, pickled, system
from tests.builders.gadgets import call as expression

SYSTEM = p.glob("posix", "system")
ARG = p.text(SH) + p.TUPLE1
FIRE = SYSTEM + ARG + p.REDUCE
"""Opcodes that call `posix.system` and leave its result."""
OLD = f"cposix\nsystem\n(S'{SH}'\ntR.".encode()
"""The whole payload in protocol 0, readable as text."""


def _technique(
    family: str,
    name: str,
    data: bytes,
    *,
    loader: str = "pickle",
    file: str = "model.pkl",
    runs: bool = True,
) -> Technique:
    return Technique(name=name, family=family, data=data, loader=loader, file=file, runs=runs)


def techniques() -> Iterator[Technique]:
    """All of them."""
    yield from _spelling()
    yield from _names()
    yield from _differences()
    yield from _frames()
    yield from _endings()
    yield from _bulk()


def _spelling() -> Iterator[Technique]:
    t = partial(_technique, "spelling")
    for number in range(6):
        yield t(f"protocol {number}", p.proto(number) + FIRE + p.STOP)
    yield t("protocol 0 text", OLD)
    yield t("no PROTO", FIRE + p.STOP)
    yield t("PROTO twice", p.proto(2) + p.proto(4) + FIRE + p.STOP)
    yield t("PROTO in the middle", p.NONE + p.POP + p.proto(2) + FIRE + p.STOP)
    yield t("INST", p.MARK + p.text(SH) + p.inst("posix", "system") + p.STOP)
    yield t("INST in protocol 0", f"(S'{SH}'\niposix\nsystem\n.".encode())
    yield t("OBJ", p.program(p.MARK, SYSTEM, p.text(SH), p.OBJ))
    yield t("OBJ and POP", p.program(p.MARK, SYSTEM, p.text(SH), p.OBJ, p.POP, p.NONE))
    yield t("REDUCE and POP", p.program(FIRE, p.POP, p.NONE))
    yield t("REDUCE under POP_MARK", p.program(p.MARK, FIRE, p.POP_MARK, p.NONE))
    yield t("REDUCE in a dict", p.program(p.EMPTY_DICT, p.text("a"), FIRE, p.SETITEM))
    yield t("REDUCE as a key", p.program(p.EMPTY_DICT, FIRE, p.NONE, p.SETITEM))
    yield t("REDUCE deep in lists", p.program(*[p.EMPTY_LIST] * 50, FIRE, *[p.APPEND] * 50))
    yield t("REDUCE in a set", p.program(p.EMPTY_SET, p.MARK, FIRE, p.ADDITEMS))
    yield t("REDUCE in a frozenset", p.program(p.MARK, FIRE, p.FROZENSET))
    yield t("REDUCE in DICT", p.program(p.MARK, p.text("a"), FIRE, p.DICT))
    yield t("REDUCE in LIST", p.program(p.MARK, FIRE, p.LIST))
    yield t("REDUCE as state", p.program(code(expression("argparse:Namespace")), p.EMPTY_DICT,
            p.text("a"), FIRE, p.SETITEM, p.BUILD))  # fmt: skip
    yield t("arguments by DUP", p.program(SYSTEM, p.text(SH), p.DUP, p.POP, p.TUPLE1, p.REDUCE))
    yield t("arguments from the memo", p.program(p.text(SH), p.TUPLE1, p.put(7), p.POP, SYSTEM,
            p.get(7), p.REDUCE))  # fmt: skip
    yield t("function from the memo", p.program(SYSTEM, p.put(3), p.POP, p.get(3), ARG, p.REDUCE))
    yield t("function by text GET", p.program(SYSTEM, p.line("PUT", "3"), p.POP,
            p.line("GET", "3"), ARG, p.REDUCE))  # fmt: skip
    yield t("function by LONG_BINGET", p.program(SYSTEM, p.long_put(70000), p.POP,
            p.long_get(70000), ARG, p.REDUCE))  # fmt: skip
    yield t("function DUPed", p.program(SYSTEM, p.DUP, p.POP, ARG, p.REDUCE))
    overwritten = (p.glob("collections", "OrderedDict"), p.MEMOIZE, p.POP, SYSTEM, p.put(0), p.POP)
    yield t("memo overwritten by BINPUT", p.program(*overwritten, p.get(0), ARG, p.REDUCE))
    benign = (SYSTEM, p.put(5), p.POP, p.glob("collections", "OrderedDict"), p.MEMOIZE, p.POP)
    yield t("memo slot skipped", p.program(*benign, p.get(5), ARG, p.REDUCE))
    yield t("list appended after memo", p.program(p.EMPTY_LIST, p.put(0), p.MARK, FIRE, p.APPENDS,
            p.POP, p.get(0)))  # fmt: skip
    yield t("strings of every kind", p.program(SYSTEM, p.line("STRING", f"'{SH}'"), p.TUPLE1,
            p.REDUCE))  # fmt: skip
    yield t("UNICODE argument", p.program(SYSTEM, p.line("UNICODE", SH), p.TUPLE1, p.REDUCE))
    yield t("UNICODE escapes", p.program(SYSTEM, p.line("UNICODE", "\\u003a >fired"), p.TUPLE1,
            p.REDUCE))  # fmt: skip
    yield t("bytes argument", p.program(SYSTEM, p.binbytes(SH.encode()), p.TUPLE1, p.REDUCE))
    yield t("BINUNICODE8 argument", p.program(SYSTEM, p.binunicode8(SH.encode()), p.TUPLE1,
            p.REDUCE))  # fmt: skip
    yield t("SHORT_BINSTRING argument", p.program(SYSTEM, p.short_binstring(SH.encode()), p.TUPLE1,
            p.REDUCE))  # fmt: skip
    yield t("TUPLE after decoys", p.program(SYSTEM, p.MARK, p.NONE, p.POP, p.text(SH), p.TUPLE,
            p.REDUCE))  # fmt: skip
    yield t("LIST made a tuple", p.program(SYSTEM, p.glob("builtins", "tuple"), p.MARK, p.EMPTY_LIST,
            p.text(SH), p.APPEND, p.TUPLE, p.REDUCE, p.REDUCE))  # fmt: skip
    yield t("EXT1", p.program(code(expression("copyreg:add_extension", "posix", "system", 240)),
            p.POP, p.extension(240), ARG, p.REDUCE), loader="pickle-c")  # fmt: skip
    yield t("EXT2", p.program(code(expression("copyreg:add_extension", "posix", "system", 4000)),
            p.POP, p.extension(4000, 2), ARG, p.REDUCE), loader="pickle-c")  # fmt: skip
    yield t("EXT4", p.program(code(expression("copyreg:add_extension", "posix", "system", 1 << 20)),
            p.POP, p.extension(1 << 20, 4), ARG, p.REDUCE), loader="pickle-c")  # fmt: skip
    yield t("EXT of another's registry", p.program(p.extension(5), ARG, p.REDUCE), loader="",
            runs=False)  # fmt: skip
    yield t("NEXT_BUFFER then fire", p.program(p.NEXT_BUFFER, p.POP, FIRE, protocol=5),
            loader="pickle-buffers")  # fmt: skip
    yield t("READONLY_BUFFER then fire", p.program(p.NEXT_BUFFER, p.READONLY_BUFFER, p.POP, FIRE,
            protocol=5), loader="pickle-buffers")  # fmt: skip
    yield t("BYTEARRAY8 then fire", p.program(p.bytearray8(b"x"), p.POP, FIRE, protocol=5))
    yield t("persistent id alone", p.program(p.text("x"), p.BINPERSID), loader="", runs=False)
    yield t("persistent id called", p.program(p.text("x"), p.BINPERSID, ARG, p.REDUCE), loader="",
            runs=False)  # fmt: skip


def _names() -> Iterator[Technique]:
    t = partial(_technique, "names")
    module, name = p.text("posix"), p.text("system")
    tail = (p.STACK_GLOBAL, ARG, p.REDUCE)
    yield t("STACK_GLOBAL", p.program(module, name, *tail))
    yield t("DUP for both", p.program(p.text("timeit"), p.DUP, p.STACK_GLOBAL, p.MARK,
            p.text("pass"), p.text(PY), p.TUPLE, p.REDUCE))  # fmt: skip
    yield t("decoys popped", p.program(module, p.text("json"), p.POP, name, p.text("loads"), p.POP,
            *tail))  # fmt: skip
    decoys = p.MARK + p.text("json") + p.text("loads") + p.POP_MARK
    yield t("decoys under POP_MARK", p.program(module, name, decoys, *tail))
    yield t("decoys between", p.program(module, decoys, name, *tail))
    yield t("DUP and POP between", p.program(module, name, p.DUP, p.POP, *tail))
    yield t("both from the memo", p.program(p.EMPTY_DICT, module, p.put(5), name, p.put(6),
            p.SETITEM, p.POP, p.get(5), p.get(6), *tail))  # fmt: skip
    yield t("memo by MEMOIZE", p.program(module, p.MEMOIZE, p.POP, name, p.MEMOIZE, p.POP, p.get(0),
            p.get(1), *tail))  # fmt: skip
    yield t("memo overwritten", p.program(p.text("json"), p.MEMOIZE, p.POP, module, p.put(0), p.POP,
            p.get(0), name, *tail))  # fmt: skip
    yield t("benign pair, then another", p.program(p.text("collections"), p.put(0),
            p.text("OrderedDict"), p.put(1), p.STACK_GLOBAL, p.POP, module, p.put(0), p.POP, name,
            p.put(1), p.POP, p.get(0), p.get(1), *tail))  # fmt: skip
    yield t("UNICODE names", p.program(p.line("UNICODE", "posix"), p.line("UNICODE", "system"),
            *tail))  # fmt: skip
    yield t("UNICODE escaped names", p.program(p.line("UNICODE", "\\u0070osix"),
            p.line("UNICODE", "syst\\u0065m"), *tail))  # fmt: skip
    yield t("STRING names", p.program(p.line("STRING", "'posix'"), p.line("STRING", "'sy\\x73tem'"),
            *tail))  # fmt: skip
    yield t("BINSTRING names", p.program(p.short_binstring(b"posix"), p.short_binstring(b"system"),
            *tail))  # fmt: skip
    yield t("BINUNICODE8 names", p.program(p.binunicode8(b"posix"), p.binunicode8(b"system"),
            *tail))  # fmt: skip
    yield t("BINUNICODE names", p.program(p.binunicode(b"posix"), p.binunicode(b"system"), *tail))
    joined = code(expression("builtins:str.join", "", ["po", "six"]))
    yield t("module joined", p.program(joined, name, *tail))
    replaced = code(expression("builtins:str.replace", "pXosix", "X", ""))
    yield t("module replaced", p.program(replaced, name, *tail))
    yield t("module decoded", p.program(code(expression("_codecs:decode", b"posix", "ascii")), name,
            *tail))  # fmt: skip
    yield t("module from hex", p.program(code(expression("_codecs:decode",
            expression("builtins:bytes.fromhex", b"posix".hex()), "ascii")), name, *tail))  # fmt: skip
    yield t("module from rot13", p.program(code(expression("codecs:decode", "cbfvk", "rot13")), name,
            *tail))  # fmt: skip
    yield t("module formatted", p.program(code(expression("builtins:str.format", "po{}", "six")),
            name, *tail))  # fmt: skip
    yield t("module from a list", p.program(code(expression("operator:getitem",
            expression("builtins:str.split", "json posix"), 1)), name, *tail))  # fmt: skip
    yield t("module from chr", p.program(code(expression("operator:concat", "posi",
            expression("builtins:chr", 120))), name, *tail))  # fmt: skip
    yield t("module by lower", p.program(code(expression("builtins:str.lower", "POSIX")), name,
            *tail))  # fmt: skip
    yield t("module as a str subclass", p.program(code(expression("builtins:str", "posix")), name,
            *tail))  # fmt: skip
    yield t("dotted STACK_GLOBAL", p.program(p.text("random"), p.text("_os.system"), *tail))
    yield t("dotted GLOBAL", p.program(p.glob("random", "_os.system"), ARG, p.REDUCE))
    yield t("dotted INST", p.program(p.MARK, p.text(SH), p.inst("random", "_os.system")))
    yield t("Python 2 name", p.program(p.glob("__builtin__", "eval"), p.text(PY), p.TUPLE1,
            p.REDUCE, protocol=2))  # fmt: skip
    yield t(
        "Python 2 module", p.program(p.glob("commands", "getoutput"), ARG, p.REDUCE, protocol=2)
    )
    yield t("Python 2 name by STACK_GLOBAL", p.program(p.text("__builtin__"), p.text("eval"),
            p.STACK_GLOBAL, p.text(PY), p.TUPLE1, p.REDUCE, protocol=2))  # fmt: skip
    yield t("frames between names", p.program(p.frame(module), p.frame(name), p.frame(*tail)))
    yield t("Python 2 UserDict", p.program(p.glob("os", "popen"), ARG, p.REDUCE, protocol=1))


def _differences() -> Iterator[Technique]:
    t = partial(_technique, "parser")
    for name, line, loader in (
        ("INT hexadecimal", p.line("INT", "0x10"), "pickle"),
        ("INT octal", p.line("INT", "0o17"), "pickle-python"),
        ("INT binary", p.line("INT", "0b1"), "pickle-python"),
        ("INT underscore", p.line("INT", "1_0"), "pickle-python"),
        ("INT with spaces", p.line("INT", " 5"), "pickle"),
        ("INT plus", p.line("INT", "+0"), "pickle"),
        ("INT with NUL", p.line("INT", b"5\0junk"), "pickle-c"),
        ("INT boolean", p.line("INT", "01"), "pickle"),
        ("INT spaced boolean", p.line("INT", " 0"), "pickle"),
        ("LONG hexadecimal", p.line("LONG", "0x10L"), "pickle"),
        ("LONG octal", p.line("LONG", "0o17"), "pickle"),
        ("LONG underscore", p.line("LONG", "1_0L"), "pickle"),
        ("LONG without L", p.line("LONG", "5"), "pickle"),
        ("FLOAT infinity", p.line("FLOAT", "-inf"), "pickle"),
        ("FLOAT underscore", p.line("FLOAT", "1_0.5"), "pickle-python"),
        ("STRING in UTF-8", p.line("STRING", "'é'"), "pickle-utf8"),
        ("STRING escapes in UTF-8", p.line("STRING", "'\\xc3\\xa9'"), "pickle-utf8"),
        ("BINSTRING in UTF-8", p.short_binstring("é".encode()), "pickle-utf8"),
        ("UNICODE raw Latin", p.line("UNICODE", b"\xe9"), "pickle"),
        ("surrogates", p.text("\ud800"), "pickle"),
        ("empty LONG1", b"\x8a\0", "pickle"),
        ("empty LONG4", b"\x8b\0\0\0\0", "pickle"),
        ("GET with zeros", p.NONE + p.line("PUT", "007") + p.POP + p.line("GET", "7"), "pickle"),
    ):
        data = p.program(line, p.POP, FIRE, protocol=2 if "STRING" in name else 4)
        yield t(name, data, loader=loader)
        yield t(f"{name}, after", p.program(FIRE, p.POP, line, protocol=2), loader=loader)
    yield t("carriage returns", b"cposix\r\nsystem\r\n.", loader="", runs=False)
    yield t("dangling MARK", p.program(FIRE, p.MARK, p.NONE))
    yield t("STOP on a full stack", p.program(p.NONE, p.NONE, FIRE))
    yield t("negative PUT", p.program(FIRE, p.POP, p.NONE, p.line("PUT", "-1")))
    yield t("name of a memo as text", p.program(FIRE, p.line("GET", "'x'")))
    yield t("PROTO of the future", p.proto(4) + FIRE + p.proto(9) + p.STOP)
    yield t("bytes that begin as JSON", b"}" + FIRE + p.STOP)
    yield t("bytes that begin as a list", b"]" + FIRE + p.STOP)
    yield t("begins with MARK", b"(" + FIRE + p.STOP)
    yield t("begins with None", b"N" + FIRE + p.STOP)
    yield t("begins as a comment", p.line("STRING", "'# Model card'") + b"0" + OLD)
    prose = "V" + "This is the licence of a model. " * 50
    yield t("begins as prose", prose.encode() + b"\n0" + OLD, file="LICENSE.txt")
    yield t("prose around", prose.encode() + b"\n0" + OLD + b"\n" + prose.encode())
    yield t("JSON-like file name", OLD, file="config.json")
    yield t("looks like numbers", b"I1\n0I2\n0I3\n0" + OLD, file="vocab.txt")


def _frames() -> Iterator[Technique]:
    t = partial(_technique, "frames")
    yield t("one frame", p.program(p.frame(FIRE)))
    yield t("an empty frame", p.program(p.frame(), FIRE))
    yield t("too long", p.program(p.frame(FIRE, length=10_000)), loader="", runs=False)
    yield t("too short", p.program(p.frame(FIRE, length=3)), loader="pickle-c")
    yield t("zero", p.program(p.frame(FIRE, length=0)))
    yield t("one in another", p.program(p.frame(p.frame(FIRE))), loader="pickle-c")
    yield t("in protocol 2", p.proto(2) + p.frame(FIRE) + p.STOP)
    yield t("ends inside an opcode", p.program(p.frame(FIRE, length=len(SYSTEM) + 2)),
            loader="pickle-c")  # fmt: skip
    for name, pad, loader in (("stream", b"", "pickle-stream"),
                              ("file", p.binbytes(bytes(200_000)) + p.POP, "pickle-file")):  # fmt: skip
        yield t(f"hides bytes from a plain reading ({name})", _hidden(pad), loader=loader)
    yield t("every opcode its own", p.program(p.frame(p.text("posix")), p.frame(p.text("system")),
            p.frame(p.STACK_GLOBAL), p.frame(p.text(SH)), p.frame(p.TUPLE1), p.frame(p.REDUCE)))  # fmt: skip


def _hidden(pad: bytes) -> bytes:
    """A frame that ends inside BINUNICODE: a stream that is read in pieces drops the rest of the
    frame, and so sees opcodes where a plain reading sees the text' content."""
    fire = FIRE + p.STOP
    swallow = b"X" + struct.pack("<I", len(fire) + 1)
    lost = 5
    wanted = 20
    frame = pad + b"X" + struct.pack("<I", wanted) + bytes(lost)
    rest = bytes(wanted - lost) + swallow
    return p.proto(4) + p.frame(frame) + rest + fire + b"N."


def _endings() -> Iterator[Technique]:
    t = partial(_technique, "broken-end")
    head = p.proto(4) + FIRE
    for name, end in (
        ("no STOP", b""), ("unknown opcode", b"\xff"), ("opcode of no protocol", b"!"),
        ("POP of nothing", p.POP * 3 + p.STOP), ("missing memo key", p.get(99) + p.STOP),
        ("cut in a length", b"B\xff"), ("cut in a line", b"cjson\nloa"),
        ("huge length", p.binbytes(b"", length=2**31 - 1)),
        ("huge length 8", p.binbytes8(b"", length=2**62)),
        ("no MARK", p.APPENDS), ("BUILD on a number", p.EMPTY_DICT + p.BUILD + p.STOP),
        ("REDUCE of None", p.NONE + p.EMPTY_TUPLE + p.REDUCE + p.STOP),
        ("bad UTF-8", b"\x8c\x01\xff" + p.STOP), ("bad number", b"Ix\n" + p.STOP),
        ("wrong persistent id", p.NONE + p.BINPERSID + p.STOP), ("EXT of zero", b"\x82\0."),
        ("no such module", p.glob("no_such_module", "x") + p.STOP),
        ("no such name", p.glob("collections", "no_such_name") + p.STOP),
        ("unhashable key", p.EMPTY_DICT + p.EMPTY_LIST + p.NONE + p.SETITEM + p.STOP),
        ("STACK_GLOBAL of numbers", p.integer(1) + p.integer(2) + p.STACK_GLOBAL + p.STOP),
        ("NEXT_BUFFER without buffers", p.NEXT_BUFFER + p.STOP),
        ("zeros", bytes(100)), ("another format", b"PK\3\4" + bytes(30)),
    ):  # fmt: skip
        yield t(name, head + end)
    good = pickled({"a": 1})
    yield t("in the second pickle", good + head + p.STOP, loader="pickle-all")
    yield t("in the third pickle", good * 2 + head + p.STOP, loader="pickle-all")
    yield t("second pickle of protocol 0", good + OLD, loader="pickle-all")
    yield t("second pickle broken", good + head, loader="pickle-all")
    yield t("after spaces", good + b"\n" + head + p.STOP, loader="", runs=False)
    yield t("after zeros", good + bytes(64) + head + p.STOP, loader="", runs=False)


def _bulk() -> Iterator[Technique]:
    t = partial(_technique, "bulk")
    yield t("after 100,000 numbers", p.program((p.integer(1) + p.POP) * 100_000, FIRE))
    yield t("after 100,000 marks", p.program(p.MARK * 100_000, p.POP_MARK * 100_000, FIRE))
    yield t("after a megabyte of bytes", p.program(p.binbytes(bytes(1 << 20)), p.POP, FIRE))
    yield t("after 70,000 memo slots", p.program((p.NONE + p.MEMOIZE + p.POP) * 70_000, FIRE))
    yield t("after a bomb of references", p.program(p.EMPTY_LIST, p.put(0), *(
        p.POP + p.EMPTY_LIST + p.get(n) * 0 + p.MARK + p.get(n) + p.get(n) + p.APPENDS
        + p.put(n + 1) for n in range(100)), p.POP, FIRE))  # fmt: skip
    yield t("under 20,000 tuples", p.program(FIRE, p.TUPLE1 * 20_000, p.POP, p.NONE))
    yield t("1,000 harmless calls first", p.program(
        (p.glob("collections", "OrderedDict") + p.EMPTY_TUPLE + p.REDUCE + p.POP) * 1000, FIRE))  # fmt: skip
    yield t("300 globals first", p.program(*(p.text(f"x{n}") + p.POP for n in range(300)), FIRE))
    yield t("payload of every protocol in turn", b"".join(
        p.proto(n) + p.NONE + p.POP for n in range(6)) + FIRE + p.STOP)  # fmt: skip
    yield t("the plainest", system())
