"""What a pickle would do, as a program that people can read, with our verdict on each step.

One line for each import, call, change and persistent id, in the order in which a loader
would do them. Long values are cut and results are named (`_1`, `_2`, ...), so the program is
never longer than the pickle, whatever it refers to.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

from scanner.facts import ProblemFact
from scanner.frozen import dataclass
from scanner.pickles.allowlist import Allowlist, default_allowlist
from scanner.pickles.machine import Loader, interpret
from scanner.pickles.persistent import PersistentPolicy
from scanner.pickles.values import (
    Call,
    DictValue,
    Global,
    ListValue,
    Persistent,
    SetValue,
    Span,
    Value,
    callee,
)

_WIDE = 6
_DEEP = 3
_LONG = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One step: where in the data, the opcode, the text, and why it is not allowed (or None)."""

    offset: int
    opcode: str
    text: str
    objection: str | None = None

    def __str__(self) -> str:
        verdict = "ok" if self.objection is None else f"NOT ALLOWED: {self.objection}"
        return f"{self.text}  # byte {self.offset}, {self.opcode}: {verdict}"


def program(
    data: bytes | bytearray | memoryview | mmap.mmap,
    *,
    start: int = 0,
    end: int | None = None,
    pickles: int | None = None,
    allowlist: Allowlist | None = None,
    persistent_ids: PersistentPolicy | str = "none",
    loader: Loader = "joblib",
    most: int = 10_000,
) -> Iterator[Line]:
    """Yield the steps of the pickles in data[start:end], at most `most`, and what went wrong.

    The parameters are those of `machine.interpret`. Never raises for any bytes.
    """
    chosen = default_allowlist() if allowlist is None else allowlist
    writer = _Writer(chosen, most)
    seen = interpret(
        data,
        start=start,
        end=end,
        pickles=pickles,
        allowlist=chosen,
        persistent_ids=persistent_ids,
        loader=loader,
        trace=writer.step,
    )
    yield from writer.lines
    if writer.left:
        yield Line(offset=writer.last, opcode="...", text=f"... {writer.left} more steps")
    for number, value in enumerate(seen.values, 1):
        text = f"return {writer.show(value)}"
        if len(seen.values) > 1:
            text += f"  # pickle {number} of {len(seen.values)}"
        yield Line(offset=seen.ends[number - 1] - 1, opcode="STOP", text=text)
    for fact in seen.facts:
        if isinstance(fact, ProblemFact):
            yield Line(
                offset=fact.where.offset or 0,
                opcode=fact.kind,
                text="raise UnpicklingError" if fact.fatal else "# suspicious",
                objection=fact.message,
            )


class _Writer:
    def __init__(self, allowlist: Allowlist, most: int) -> None:
        self.allowlist = allowlist
        self.most = most
        self.lines: list[Line] = []
        self.left = 0
        self.last = 0
        self.names: dict[int, str] = {}
        self.keep: list[Value] = []
        self.imported: set[Global] = set()

    def step(self, offset: int, opcode: str, value: Any) -> None:
        """Write one step that the machine traced."""
        objection: str | None = None
        if isinstance(value, Global):
            if value in self.imported:
                return
            self.imported.add(value)
            text = f"from {_name(value.module)} import {_name(value.name)}"
            objection = self.allowlist.judge_import(value)
        elif isinstance(value, Call):
            text = self.call(value)
            objection = value.objection
        elif opcode in ("PERSID", "BINPERSID"):
            text = f"persistent_load({self.show(value)})"
        elif isinstance(value, tuple) and len(value) == 2:
            target, state = value
            text = f"{self.show(target)}.{_METHODS.get(opcode, 'update')}({self.show(state)})"
            objection = (
                self.allowlist.judge_state(target, state)
                if opcode == "BUILD"
                else self.allowlist.judge_items(target, opcode)
            )
        else:
            return
        if len(self.lines) >= self.most and objection is None:
            self.left += 1
            self.last = offset
            return
        self.lines.append(Line(offset=offset, opcode=opcode, text=text, objection=objection))

    def call(self, value: Call) -> str:
        """Write a call and name its result."""
        if len(self.names) < self.most:
            self.names[id(value)] = f"_{len(self.names) + 1}"
            self.keep.append(value)
        function = (
            _name(value.function.name)
            if isinstance(value.function, Global)
            else self.show(value.function)
        )
        if value.opcode in ("NEWOBJ", "NEWOBJ_EX"):
            function += ".__new__"
        shown = (
            ", ".join([self.show(arg) for arg in value.args[:_WIDE]])
            if isinstance(value.args, tuple)
            else f"*{self.show(value.args)}"
        )
        if isinstance(value.args, tuple) and len(value.args) > _WIDE:
            shown += ", ..."
        if value.kwargs is not None:
            shown += f", **{self.show(value.kwargs)}"
        return f"{self.names.get(id(value), '_')} = {function}({shown})"

    def show(self, value: Value, depth: int = 0) -> str:
        """Write a value in one line, cut to a few items and levels."""
        if isinstance(value, Call):
            return self.names.get(id(value), f"<{callee(value.function)}>")
        if isinstance(value, Global):
            return _name(value.dotted)
        if isinstance(value, Persistent):
            return f"persistent_load({self.show(value.pid, depth + 1)})"
        if isinstance(value, (ListValue, DictValue, SetValue, tuple)):
            return self.container(value, depth)
        if isinstance(value, (str, bytes)):
            return repr(value) if len(value) <= _LONG else f"{value[:_LONG]!r}..."
        if isinstance(value, int) and value.bit_length() > 200:
            return f"<int of {value.bit_length()} bits>"
        if isinstance(value, Span):
            return repr(value)
        return repr(value)

    def container(
        self, value: ListValue | DictValue | SetValue | tuple[Value, ...], depth: int
    ) -> str:
        """Write the first items of a container."""
        items = value.items if isinstance(value, SetValue) else value
        opening, closing = ("(", ")") if type(value) is tuple else ("[", "]")
        if isinstance(value, (DictValue, SetValue)):
            opening, closing = "{", "}"
        if depth >= _DEEP and len(items):
            return f"{opening}...{closing}"
        if isinstance(value, DictValue):
            shown = [
                f"{self.show(key, depth + 1)}: {self.show(item, depth + 1)}"
                for key, item in zip(value[: 2 * _WIDE : 2], value[1 : 2 * _WIDE : 2], strict=False)
            ]
            more = len(value) > 2 * _WIDE
        else:
            shown = [self.show(item, depth + 1) for item in items[:_WIDE]]
            more = len(items) > _WIDE
        if more:
            shown.append("...")
        if type(value) is tuple and len(shown) == 1:
            shown.append("")
        return f"{opening}{', '.join(shown).rstrip() if shown else ''}{closing}"


_METHODS = {
    "BUILD": "__setstate__",
    "APPEND": "append",
    "APPENDS": "extend",
    "ADDITEMS": "update",
    "SETITEM": "update",
    "SETITEMS": "update",
}


def _name(name: str) -> str:
    """Return a name as it is when it is one, else quoted, so that nothing prints as code."""
    cut = name if len(name) <= 2 * _LONG else f"{name[: 2 * _LONG]}..."
    return cut if all(part.isidentifier() for part in cut.split(".")) else repr(cut)
