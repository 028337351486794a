"""Opcodes that are rare in real pickles: each function reads one and returns where the next is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from scanner.facts import ExtensionFact, Fact
from scanner.findings import Where
from scanner.pickles import arguments, arrays
from scanner.pickles.arguments import SHORT_TEXT
from scanner.pickles.ledger import Stopped
from scanner.pickles.opcodes import ARGUMENTS, CODES, HIGHEST_PROTOCOL, NAMES
from scanner.pickles.readings import Alternative
from scanner.pickles.values import Call, SetValue, Span, Unknown, Value

if TYPE_CHECKING:
    from scanner.pickles.loop import Machine

_SHORT_BYTES: Final = 4096

_WIDTHS: Final = {
    code: int(layout[1:]) for code, layout in ARGUMENTS.items() if layout.startswith("=")
}


def _proto(machine: Machine, stack: list[Value], pos: int) -> int:
    machine.protocol = machine.data[pos]
    if machine.protocol > HIGHEST_PROTOCOL:
        raise Stopped("bad-protocol", f"protocol {machine.protocol} does not exist")
    return pos + 1


def _global(machine: Machine, stack: list[Value], pos: int) -> int:
    module, pos = machine.line(pos)
    name, pos = machine.line(pos)
    stack.append(
        machine.imported(
            arguments.line_text(module), arguments.line_text(name), "GLOBAL", machine.at
        )
    )
    return pos


def _stack_global(machine: Machine, stack: list[Value], pos: int) -> int:
    name = stack.pop()
    module = stack.pop()
    stack.append(machine.imported(module, name, "STACK_GLOBAL", machine.at))
    return pos


def _newobj(machine: Machine, stack: list[Value], pos: int) -> int:
    args = stack.pop()
    stack[-1] = machine.called(stack[-1], args, "NEWOBJ", machine.at)
    return pos


def _newobj_ex(machine: Machine, stack: list[Value], pos: int) -> int:
    kwargs = stack.pop()
    args = stack.pop()
    function = stack.pop()
    stack.append(machine.called(function, args, "NEWOBJ_EX", machine.at, kwargs))
    return pos


def _build(machine: Machine, stack: list[Value], pos: int) -> int:
    state = stack.pop()
    target = stack[-1]
    objection = machine.allowlist.judge_state(target, state)
    machine.changed(target, state, objection, "BUILD", machine.at)
    if isinstance(target, Call):
        target.states.append(state)
        if machine.loader == "joblib" and arrays.is_wrapper(target):
            return _array(machine, target, stack, pos)
    return pos


def _array(machine: Machine, wrapper: Call, stack: list[Value], pos: int) -> int:
    """Step over a raw array that joblib wrote after its wrapper; read an object array."""
    if not any(other.loader == "pickle" for other in machine.alternatives):
        machine.alternatives.append(
            Alternative(pos, pos, 0, begin=machine.begin, loader="pickle", quiet=True)
        )
    machine.array_at = pos
    layout = arrays.layout(wrapper)
    if layout is None:
        raise Stopped("joblib-array", "an array's size cannot be told from its wrapper")
    if layout.objects:
        return machine.inside(pos)
    if layout.padded:
        pos += 1 + machine.data[pos]
    if layout.nbytes > machine.stop - pos:
        raise Stopped("truncated", "an array runs past the end of the data")
    return pos + layout.nbytes


def _extension(machine: Machine, stack: list[Value], pos: int) -> int:
    width = {0x82: 1, 0x83: 2, 0x84: 4}[machine.data[machine.at]]
    code = int.from_bytes(machine.data[pos : pos + width], "little", signed=width == 4)

    def make(where: Where, count: int) -> Fact:
        return ExtensionFact(where=where, count=count, code=code)

    offset = machine.at + machine.shift
    machine.ledger.note(("extension", code), offset, NAMES[machine.data[machine.at]], make)
    stack.append(Unknown(f"extension {code} of the copyreg registry", offset))
    return pos + width


def _persid(machine: Machine, stack: list[Value], pos: int) -> int:
    line, pos = machine.line(pos)
    stack.append(machine.persisted(line.decode("ascii", "replace"), "PERSID"))
    return pos


def _int(machine: Machine, stack: list[Value], pos: int) -> int:
    line, pos = machine.line(pos)
    if line in (b"00", b"01"):
        stack.append(line == b"01")
    else:
        stack.append(_number(machine, line))
    return pos


def _long(machine: Machine, stack: list[Value], pos: int) -> int:
    line, pos = machine.line(pos)
    stack.append(_number(machine, line[:-1] if line.endswith(b"L") else line))
    return pos


def _number(machine: Machine, line: bytes) -> Value:
    """Read an integer as any unpickler would; which value a strange one has differs."""
    text = line.partition(b"\0")[0]
    if arguments.DECIMAL.fullmatch(line):
        return int(text)
    machine.problem(
        "odd-number", "a number is written as no pickler writes it", machine.at, fatal=False
    )
    for base in (0, 10):
        try:
            return int(text, base)
        except ValueError:
            continue
    return Unknown("a number that not every loader can read", machine.at + machine.shift)


def _float(machine: Machine, stack: list[Value], pos: int) -> int:
    line, pos = machine.line(pos)
    try:
        stack.append(float(line.partition(b"\0")[0]))
    except ValueError:
        raise Stopped("bad-number", "FLOAT has an argument that is no number") from None
    return pos


def _long_text(machine: Machine, stack: list[Value], pos: int) -> int:
    """Push a text that is too long to keep, and return where its line ends; 0 for a short one."""
    end = machine.data.find(b"\n", pos, machine.stop)
    if end - pos <= SHORT_TEXT:
        return 0
    stack.append(Unknown("a text too long to keep", pos + machine.shift))
    return end + 1


def _string(machine: Machine, stack: list[Value], pos: int) -> int:
    end = _long_text(machine, stack, pos)
    if end:
        return end
    line, pos = machine.line(pos)
    if len(line) < 2 or line[0] != line[-1] or line[0] not in b"\"'":
        raise Stopped("bad-string", "STRING has an argument without matching quotes")
    stack.append(arguments.legacy_text(arguments.unescaped(line[1:-1])))
    return pos


def _unicode(machine: Machine, stack: list[Value], pos: int) -> int:
    end = _long_text(machine, stack, pos)
    if end:
        return end
    line, pos = machine.line(pos)
    try:
        stack.append(line.decode("raw-unicode-escape"))
    except UnicodeDecodeError:
        raise Stopped("bad-string", "UNICODE has a broken escape") from None
    return pos


def _counted(machine: Machine, pos: int, width: int, *, signed: bool = False) -> tuple[int, int]:
    """Read a length and return (first, last + 1) of the payload."""
    first = pos + width
    length = int.from_bytes(machine.data[pos:first], "little", signed=signed)
    if length < 0:
        raise Stopped("negative-length", "an argument has a negative length")
    if first + length > machine.stop:
        machine.short(machine.at)
    return first, first + length


def _binstring(machine: Machine, stack: list[Value], pos: int) -> int:
    first, stop = _counted(machine, pos, 4, signed=True)
    if stop - first > SHORT_TEXT:
        stack.append(Span("str", first + machine.shift, stop - first))
    else:
        stack.append(arguments.legacy_text(machine.data[first:stop]))
    return stop


def _short_binstring(machine: Machine, stack: list[Value], pos: int) -> int:
    first, stop = _counted(machine, pos, 1)
    stack.append(arguments.legacy_text(machine.data[first:stop]))
    return stop


def _binunicode8(machine: Machine, stack: list[Value], pos: int) -> int:
    first, stop = _counted(machine, pos, 8)
    if stop - first > SHORT_TEXT:
        stack.append(Span("str", first + machine.shift, stop - first))
    else:
        stack.append(arguments.text_of(machine.data[first:stop]))
    return stop


def _bytes(machine: Machine, stack: list[Value], pos: int) -> int:
    op = machine.data[machine.at]
    first, stop = _counted(machine, pos, _WIDTHS[op])
    if op == CODES["BYTEARRAY8"] or stop - first > _SHORT_BYTES:
        kind = "bytearray" if op == CODES["BYTEARRAY8"] else "bytes"
        stack.append(Span(kind, first + machine.shift, stop - first))
    else:
        stack.append(machine.data[first:stop])
    return stop


def _long_bytes(machine: Machine, stack: list[Value], pos: int) -> int:
    width = 1 if machine.data[machine.at] == CODES["LONG1"] else 4
    first, stop = _counted(machine, pos, width, signed=width == 4)
    if stop - first > _SHORT_BYTES:
        stack.append(Span("int", first + machine.shift, stop - first))
    else:
        stack.append(int.from_bytes(machine.data[first:stop], "little", signed=True))
    return stop


def _empty_set(machine: Machine, stack: list[Value], pos: int) -> int:
    machine.created += 1
    stack.append(SetValue([], frozen=False))
    return pos


def _next_buffer(machine: Machine, stack: list[Value], pos: int) -> int:
    machine.problem(
        "out-of-band-buffer", "the pickle takes a buffer that is not in the file",
        machine.at, fatal=False,
    )  # fmt: skip
    stack.append(Unknown("an out-of-band buffer", machine.at + machine.shift))
    return pos


def _readonly_buffer(machine: Machine, stack: list[Value], pos: int) -> int:
    stack[-1] = stack[-1]
    return pos


RARE: Final[dict[int, Callable[[Machine, list[Value], int], int]]] = {
    CODES[name]: method
    for name, method in (
        ("PROTO", _proto),
        ("GLOBAL", _global),
        ("STACK_GLOBAL", _stack_global),
        ("NEWOBJ", _newobj),
        ("NEWOBJ_EX", _newobj_ex),
        ("BUILD", _build),
        ("EXT1", _extension),
        ("EXT2", _extension),
        ("EXT4", _extension),
        ("PERSID", _persid),
        ("INT", _int),
        ("LONG", _long),
        ("FLOAT", _float),
        ("STRING", _string),
        ("UNICODE", _unicode),
        ("BINSTRING", _binstring),
        ("SHORT_BINSTRING", _short_binstring),
        ("BINUNICODE8", _binunicode8),
        ("BINBYTES", _bytes),
        ("SHORT_BINBYTES", _bytes),
        ("BINBYTES8", _bytes),
        ("BYTEARRAY8", _bytes),
        ("LONG1", _long_bytes),
        ("LONG4", _long_bytes),
        ("EMPTY_SET", _empty_set),
        ("NEXT_BUFFER", _next_buffer),
        ("READONLY_BUFFER", _readonly_buffer),
    )
}
