"""The attack corpus: named techniques, each a file that acts while its loader reads it.

Every payload does one harmless thing, in the working directory of whoever loads it: it makes a
file whose name begins with `fired`, or raises an audit event that is watched for. The bytes
that are scanned are the bytes that are fired. `corpus()` gathers the tables of the
`attack_*` modules beside this one.

Pickles are written as expressions and compiled by the assembler:

    call("operator:methodcaller", "system", SH)      # a call of a global
    seq(first, second)                               # one after the other, the last stays
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tests.builders import pickles as p

SH = ": >fired"
"""Shell: make the sentinel."""
PY = "open('fired', 'w').close()"
"""Python, an expression and a statement at once: make the sentinel."""
READ = "read-me"
"""A file that lies in the working directory, to be read."""
HERE = ("127.0.0.1", 9)
"""An address where nobody listens: connecting is refused, and seen."""
FILE = "file"
"""The proof of most techniques: the sentinel exists afterwards."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Technique:
    """One way to act while a file is loaded.

    `family` is the class in the scorecard, `loader` the name of a loader of
    `tests.attacks.firing`, or empty where none is here to show it. `proof` is `file` or the
    name of an audit event. `needs` are modules without which it cannot be shown. `runs` says
    that the file runs code, starts processes or writes files, as opposed to being merely
    unsafe or damaged.
    """

    name: str
    family: str
    data: bytes = field(repr=False)
    file: str = "model.pkl"
    loader: str = "pickle"
    proof: str = FILE
    needs: tuple[str, ...] = ()
    runs: bool = True
    fires: bool = True
    """Whether it is fired too; one payload stands for several in a container."""

    @property
    def id(self) -> str:
        return f"{self.family}/{self.name}"


# Expressions


@dataclass(frozen=True, eq=False)
class Global:
    """A global, `module:qualified.name`."""

    name: str


@dataclass(frozen=True, eq=False)
class Call:
    """A REDUCE: the function (a global's name or an expression) and its arguments."""

    function: Any
    args: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class New:
    """A NEWOBJ, or a NEWOBJ_EX where there are keyword arguments."""

    cls: Any
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class Build:
    """A BUILD: an object gets state."""

    target: Any
    state: Any


@dataclass(frozen=True, eq=False)
class Put:
    """A SETITEM: an object gets an item."""

    target: Any
    key: Any
    value: Any


@dataclass(frozen=True, eq=False)
class Append:
    """An APPEND: an object gets one more."""

    target: Any
    value: Any


@dataclass(frozen=True, eq=False)
class Add:
    """An ADDITEMS of one item."""

    target: Any
    value: Any


@dataclass(frozen=True, eq=False)
class Seq:
    """Values made in turn, of which the last stays."""

    parts: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Raw:
    """Opcodes as they are; they push one value."""

    code: bytes


def glob(name: str) -> Global:
    return Global(name)


def call(function: Any, *args: Any) -> Call:
    return Call(function, args)


def seq(*parts: Any) -> Seq:
    return Seq(parts)


_OBJECTS = (Call, New, Build, Put, Append, Add)


class Compiler:
    """Turns expressions into opcodes; an object that is used twice is memoised."""

    def __init__(self, *, stack_globals: bool = True) -> None:
        self.stack_globals = stack_globals
        self.slots: dict[int, int] = {}

    def code(self, value: Any) -> bytes:
        if isinstance(value, _OBJECTS):
            if id(value) in self.slots:
                return p.long_get(self.slots[id(value)])
            made = self._object(value)
            slot = self.slots[id(value)] = len(self.slots)
            return made + p.long_put(slot)
        return self._plain(value)

    def _object(self, value: Any) -> bytes:
        if isinstance(value, Call):
            return self._named(value.function) + self._tuple(value.args) + p.REDUCE
        if isinstance(value, New):
            head = self._named(value.cls) + self._tuple(value.args)
            return head + (
                p.NEWOBJ if value.kwargs is None else self.code(value.kwargs) + p.NEWOBJ_EX
            )
        target = self._named(value.target)
        if isinstance(value, Build):
            return target + self.code(value.state) + p.BUILD
        if isinstance(value, Put):
            return target + self.code(value.key) + self.code(value.value) + p.SETITEM
        if isinstance(value, Append):
            return target + self.code(value.value) + p.APPEND
        return target + p.MARK + self.code(value.value) + p.ADDITEMS

    def _named(self, value: Any) -> bytes:
        return self.code(Global(value) if isinstance(value, str) and ":" in value else value)

    def _tuple(self, args: tuple[Any, ...]) -> bytes:
        return p.MARK + b"".join(map(self.code, args)) + p.TUPLE

    def _plain(self, value: Any) -> bytes:
        if isinstance(value, Global):
            module, _, name = value.name.partition(":")
            if self.stack_globals or "." in name:
                return p.stack_global(module, name)
            return p.glob(module, name)
        if isinstance(value, Seq):
            return p.POP.join(map(self.code, value.parts))
        if isinstance(value, Raw):
            return value.code
        if value is None or isinstance(value, bool):
            return {None: p.NONE, True: p.TRUE, False: p.FALSE}[value]
        if isinstance(value, str):
            return p.text(value)
        if isinstance(value, bytes):
            return p.binbytes(value)
        if isinstance(value, int):
            return p.integer(value)
        if isinstance(value, float):
            return p.number(value)
        if isinstance(value, tuple):
            return self._tuple(value)
        if isinstance(value, list):
            return p.EMPTY_LIST + p.MARK + b"".join(map(self.code, value)) + p.APPENDS
        if isinstance(value, dict):
            items = b"".join(self.code(key) + self.code(item) for key, item in value.items())
            return p.EMPTY_DICT + p.MARK + items + p.SETITEMS
        raise TypeError(type(value))


def code(value: Any, *, stack_globals: bool = True) -> bytes:
    """The opcodes that push this value."""
    return Compiler(stack_globals=stack_globals).code(value)


def pickled(value: Any, *, protocol: int = 4) -> bytes:
    """A whole pickle; below protocol 4 it names globals by GLOBAL."""
    return p.program(code(value, stack_globals=protocol >= 4), protocol=protocol)


def system(command: str = SH) -> bytes:
    """The plainest payload: a protocol-2 pickle that calls `posix.system`."""
    return pickled(call("posix:system", command), protocol=2)


def technique(
    family: str,
    value: Any,
    name: str = "",
    *,
    proof: str = FILE,
    needs: str = "",
    protocol: int = 4,
    loader: str = "pickle",
    runs: bool = True,
) -> Technique:
    """A raw pickle of this expression, named for the first global that it calls."""
    return Technique(
        name=name or _first(value).replace(":", "."),
        family=family,
        data=pickled(value, protocol=protocol),
        loader=loader,
        proof=proof,
        needs=tuple(needs.split()),
        runs=runs,
    )


def _first(value: Any) -> str:
    while True:
        if isinstance(value, Seq):
            value = value.parts[-1]
        elif isinstance(value, (Call, New, Build, Put, Append, Add)):
            value = getattr(value, "function", None) or getattr(value, "cls", None) or value.target
        elif isinstance(value, Global):
            return value.name
        else:
            return str(value)


@cache
def corpus() -> tuple[Technique, ...]:
    """Every technique, each with a name of its own."""
    from tests.builders import (
        attack_containers,
        attack_formats,
        attack_libraries,
        attack_opcodes,
        attack_repository,
        attack_stdlib,
        attack_tools,
        attack_torchscript,
        attack_variations,
    )

    found = [
        one
        for table in (
            attack_stdlib,
            attack_libraries,
            attack_opcodes,
            attack_containers,
            attack_formats,
            attack_repository,
            attack_tools,
            attack_variations,
            attack_torchscript,
        )
        for one in table.techniques()
    ]
    names = [one.id for one in found]
    twice = {name for name in names if names.count(name) > 1}
    assert not twice, f"names used twice: {sorted(twice)}"
    return tuple(found)
