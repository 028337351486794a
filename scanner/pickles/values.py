"""What the abstract machine keeps on its stack in place of objects.

Plain data stands for itself: None, bool, int, float, str, short bytes, and tuples of values.
Everything else is one of the classes here. Nothing is ever built, called or imported.
Containers and call results are mutable, because a pickle mutates them after it has
remembered them; they may hold themselves, so whoever walks a value keeps track of where it
has been, and walks without recursion.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

Value: TypeAlias = (
    "bool | int | float | str | bytes | tuple[Value, ...] | Span | ListValue | DictValue"
    " | SetValue | Global | Call | Persistent | Unknown | None"
)
"""Anything that can lie on the abstract stack."""


class Span:
    """Text, bytes or a number too long to copy: where it lies in the data.

    `kind` is `str`, `bytes`, `bytearray` or `int`, `offset` the absolute position in the
    data that was interpreted, `length` counts bytes.
    """

    __slots__ = ("kind", "length", "offset")

    def __init__(self, kind: str, offset: int, length: int) -> None:
        self.kind = kind
        self.offset = offset
        self.length = length

    def __repr__(self) -> str:
        return f"<{self.kind} of {self.length} bytes>"


class ListValue(list["Value"]):
    """A list that the pickle fills. Two of them are equal only when they are the same."""

    __slots__ = ()
    __eq__ = object.__eq__
    __ne__ = object.__ne__
    __hash__ = object.__hash__  # type: ignore[assignment]

    @property
    def items(self) -> list[Value]:
        """The items, in order."""
        return self

    def __repr__(self) -> str:
        return f"<list of {len(self)}>"


class DictValue(list["Value"]):
    """A dict that the pickle fills: keys and values in turn, in order of assignment.

    A key assigned twice is there twice; the last one counts, at the place of the first.
    Two of them are equal only when they are the same.
    """

    __slots__ = ()
    __eq__ = object.__eq__
    __ne__ = object.__ne__
    __hash__ = object.__hash__  # type: ignore[assignment]

    def pairs(self) -> Iterator[tuple[Value, Value]]:
        """Yield (key, value) in order of assignment."""
        flat = iter(self)
        return zip(flat, flat, strict=False)

    def get(self, key: str) -> Value:
        """Return the value last assigned to a string key, or None."""
        found: Value = None
        for name, value in self.pairs():
            if type(name) is str and name == key:
                found = value
        return found

    def __repr__(self) -> str:
        return f"<dict of {len(self) // 2}>"


class SetValue:
    """A set or frozenset."""

    __slots__ = ("frozen", "items")

    def __init__(self, items: list[Value], *, frozen: bool) -> None:
        self.items = items
        self.frozen = frozen

    def __repr__(self) -> str:
        return f"<{'frozenset' if self.frozen else 'set'} of {len(self.items)}>"


class Global:
    """A global named by `module` and qualified `name`, as `find_class` would get them."""

    __slots__ = ("module", "name", "offset")

    def __init__(self, module: str, name: str, offset: int = 0) -> None:
        self.module = module
        self.name = name
        self.offset = offset

    @property
    def dotted(self) -> str:
        """The global as people write it."""
        return f"{self.module}.{self.name}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Global):
            return NotImplemented
        return self.module == other.module and self.name == other.name

    def __hash__(self) -> int:
        return hash((self.module, self.name))

    def __repr__(self) -> str:
        return self.dotted


class Call:
    """What a call gives back, with all that the pickle did to it afterwards.

    `opcode` names the opcode that called. `function` and `args` are values; `args` is a
    tuple unless the stream passed something else. `kwargs` is there for NEWOBJ_EX alone.
    `states` are the arguments of BUILD, `items` what APPEND(S) and ADDITEMS added, `flat`
    what SETITEM(S) assigned: keys and values in turn. `objection` is why the call is not
    provably harmless, or None.
    """

    __slots__ = (
        "_flat", "_items", "_states", "args", "function", "kwargs", "objection", "offset",
        "opcode",
    )  # fmt: skip

    def __init__(
        self,
        function: Value,
        args: Value,
        *,
        opcode: str,
        offset: int,
        kwargs: Value = None,
        objection: str | None = None,
    ) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.opcode = opcode
        self.offset = offset
        self.objection = objection
        self._states: list[Value] | None = None
        self._items: list[Value] | None = None
        self._flat: list[Value] | None = None

    # Most calls get none of these, and a hostile pickle makes millions of calls.

    @property
    def states(self) -> list[Value]:
        """The states that BUILD gave, in order."""
        if self._states is None:
            self._states = []
        return self._states

    @property
    def items(self) -> list[Value]:
        """The items that were appended or added, in order."""
        if self._items is None:
            self._items = []
        return self._items

    @property
    def flat(self) -> list[Value]:
        """The keys and values that were assigned, in turn."""
        if self._flat is None:
            self._flat = []
        return self._flat

    def pairs(self) -> Iterator[tuple[Value, Value]]:
        """Yield the (key, value) pairs that SETITEM(S) assigned, in order."""
        flat = iter(self.flat)
        return zip(flat, flat, strict=False)

    def __repr__(self) -> str:
        return f"<{callee(self.function)}(...)>"


class Persistent:
    """What the loader gives for a persistent id."""

    __slots__ = ("offset", "pid")

    def __init__(self, pid: Value, offset: int) -> None:
        self.pid = pid
        self.offset = offset

    def __repr__(self) -> str:
        return "<persistent>"


class Unknown:
    """A value that cannot be known from the bytes; `why` says what hides it."""

    __slots__ = ("offset", "why")

    def __init__(self, why: str, offset: int) -> None:
        self.why = why
        self.offset = offset

    def __repr__(self) -> str:
        return f"<unknown: {self.why}>"


def callee(function: Value) -> str:
    """Return a printable dotted name of what is called; `?` where it is not a global.

    The result of a call reads `name(...)`, a few levels deep.
    """
    suffix = ""
    for _ in range(4):
        if isinstance(function, Global):
            return f"{function.module}.{function.name}{suffix}"
        if not isinstance(function, Call):
            break
        function = function.function
        suffix += "(...)"
    return f"?{suffix}"
