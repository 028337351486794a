"""Programs of the mobile interpreter: what `bytecode.pkl` says that its functions do.

The pickle holds a version and one tuple for each function: its name, and a table with
its instructions, the operators and types that they refer to by number, and constants. The
mobile loader reads this and not `code/`; both are judged by the same lists.

Source: `torch/csrc/jit/serialization/export_module.cpp`, `torch/csrc/jit/runtime/instruction.h`.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.patterns import pattern
from scanner.pickles.values import ListValue, Value
from scanner.torchscript.operators import CLASSES, CUSTOM, admitted_at_load, objection
from scanner.torchscript.source import ObjectionError

_KNOWN = frozenset(
    """OP OPN LOAD MOVE STOREN STORE DROP DROPR LOADC JF JMP LOOP RET WAIT CALL GUARD
    INTERFACE_CALL GET_ATTR SET_ATTR LIST_UNPACK TUPLE_CONSTRUCT NAMED_TUPLE_CONSTRUCT
    LIST_CONSTRUCT DICT_CONSTRUCT CREATE_OBJECT ISINSTANCE TUPLE_SLICE TUPLE_INDEX
    RAISE_EXCEPTION DICT_INDEX UNCHECKED_CAST __IS__ UN_INITIALIZED __ISNOT__ FORMAT DEVICE
    DTYPE DIM __NOT__ TO_LIST NUM_TO_TENSOR IS_CUDA FORK ENTER EXIT WARN
    AWAITABLE""".split()  # noqa: SIM905
)
_REPEATS = frozenset({"LOOP", "CALL", "INTERFACE_CALL", "FORK", "AWAITABLE", "ENTER", "EXIT"})
_CUSTOM = pattern(r"__torch__\.torch\.classes\.(\w+\.\w+)")


def judge(program: Value) -> list[ObjectionError]:
    """Judge what the pickle builds; [] when every instruction and operator is listed."""
    said: dict[tuple[str, str], ObjectionError] = {}
    for one in _judged(program):
        said.setdefault((one.what, one.why), one)
    return list(said.values())


def _judged(program: Value) -> Iterator[ObjectionError]:
    parts = _items(program)
    if not parts or type(parts[0]) is not int:
        yield ObjectionError("bytecode.pkl", "it does not begin with a version")
        return
    for function in parts[1:]:
        pair = _items(function)
        if pair is None or len(pair) not in (2, 3) or not isinstance(pair[0], str):
            yield ObjectionError("bytecode.pkl", "a function without name and table")
            continue
        yield from _function(pair[0], pair[1])


def _function(name: str, table: Value) -> Iterator[ObjectionError]:
    rows: dict[str, list[Value]] = {}
    for row in _items(table) or ():
        pair = _items(row)
        if pair is None or len(pair) != 2 or not isinstance(pair[0], str) or pair[0] in rows:
            yield ObjectionError(name, "its table is not what torch writes")
            return
        held = _items(pair[1])
        if held is None and pair[0] != "register_size":
            yield ObjectionError(name, "its table is not what torch writes")
            return
        rows[pair[0]] = held or []
    if not {"instructions", "operators", "types"} <= set(rows):
        yield ObjectionError(name, "its table is not what torch writes")
    loading = name.endswith(".__setstate__")
    for row in rows.get("instructions", ()):
        step = _items(row)
        if step is None or len(step) != 3 or step[0] not in _KNOWN or type(step[1]) is not int:
            yield ObjectionError(f"{name}: instruction", "none that torch writes")
        elif loading and (step[0] in _REPEATS or (step[0] in ("JMP", "JF") and step[1] < 0)):
            yield ObjectionError(name, "it repeats or calls while loading")
    for row in rows.get("operators", ()):
        told = _items(row)
        if told is None or not told or not isinstance(told[0], str):
            yield ObjectionError(f"{name}: operator", "none that torch writes")
            continue
        operator = told[0]
        why = objection(operator)
        if why is not None:
            yield ObjectionError(operator, why)
        elif loading and not admitted_at_load(operator):
            yield ObjectionError(name, f"it calls {operator} while loading")
    for kind in rows.get("types", ()):
        if not isinstance(kind, str):
            yield ObjectionError(f"{name}: type", "none that torch writes")
            continue
        for found in _CUSTOM.findall(kind):
            if found not in CLASSES:
                yield ObjectionError(f"{CUSTOM}{found}", "a class of a library that no list admits")


def _items(value: Value) -> list[Value] | None:
    """The items of a tuple or list, None of anything else."""
    return list(value) if isinstance(value, (tuple, ListValue)) else None
