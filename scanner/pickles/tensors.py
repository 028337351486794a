"""The state that a torch pickle holds, read from its abstract value; nothing is built.

`read_state` turns the machine's value into plain Python: dicts, lists, tuples and scalars,
with a `TensorFact` wherever the pickle rebuilds a tensor and an `Opaque` for every object
that is no data. It never recurses, so depth costs nothing, and a container that the pickle
shares is read once and shared in the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from scanner.facts import TensorFact
from scanner.findings import Where
from scanner.frozen import dataclass, replace
from scanner.pickles.predicates import is_made_by
from scanner.pickles.rebuilt import rebuilt
from scanner.pickles.shapes import ENCODINGS
from scanner.pickles.values import (
    Call,
    DictValue,
    Global,
    ListValue,
    Persistent,
    SetValue,
    Unknown,
    Value,
    callee,
)

State: TypeAlias = Any
"""dict, list, tuple, None, bool, int, float, str, bytes, TensorFact, Opaque or Span."""

_PARAMETERS: Final = frozenset({"_rebuild_parameter", "_rebuild_parameter_with_state"})
_PASS_THROUGH: Final = frozenset(
    {"build_intlist", "build_doublelist", "build_boollist", "build_tensorlist", "restore_type_tag"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Opaque:
    """An object that is no plain data: what would be called, and where.

    `value` is its abstract value. `state` is the state that BUILD gave it, read like
    everything else, or None: a whole module's parameters are found there.
    """

    callee: str
    where: Where
    value: Value
    state: State = None


class StateTooLargeError(ValueError):
    """A state nests or repeats its containers beyond what any checkpoint does."""


_DEEPEST: Final = 200
_MOST: Final = 2_000_000


def read_state(value: Value, *, member: str | None = None, origin: int = 0) -> State:
    """Return the state that `value` stands for, as nested plain Python with tensor leaves.

    Dicts keep the order of assignment; a key assigned twice has its last value. Keys that
    are not scalars or tuples of scalars read as `Opaque` or text. A container that holds
    itself holds itself in the result too.
    """
    return _Reader(member, origin).read(value)


def tensors(state: State) -> Iterator[TensorFact]:
    """Yield every tensor in a state in order, named by the path that leads to it.

    The name has the keys as they are (str or int); what is neither is given as text. A
    tensor that two paths share is yielded for each; a container that holds itself is
    entered once on each path.

    Raises:
        StateTooLargeError: Containers nest more than 200 deep, or shared ones unfold to
            more than two million places.
    """
    places = 0
    pending: list[tuple[tuple[str | int, ...], State, frozenset[int]]] = [((), state, frozenset())]
    while pending:
        name, item, above = pending.pop()
        if isinstance(item, TensorFact):
            yield _named(item, name)
            continue
        if isinstance(item, Opaque):
            item = item.state
        if isinstance(item, dict):
            inner = list(item.items())
        elif isinstance(item, (list, tuple)):
            inner = list(enumerate(item))
        else:
            continue
        if id(item) in above:
            continue
        places += len(inner)
        if places > _MOST or len(name) >= _DEEPEST:
            raise StateTooLargeError("the state unfolds to more places than can be visited")
        below = above | {id(item)}
        for key, part in reversed(inner):
            if isinstance(part, (dict, list, tuple, TensorFact, Opaque)):
                step = key if isinstance(key, (str, int)) else str(key)
                pending.append(((*name, step), part, below))


def _named(tensor: TensorFact, name: tuple[str | int, ...]) -> TensorFact:
    return replace(tensor, name=name)


class _Reader:
    def __init__(self, member: str | None, origin: int) -> None:
        self.member = member
        self.origin = origin
        self.done: dict[int, State] = {}
        self.keep: list[Value] = []
        self.through: dict[int, Value] = {}

    def read(self, root: Value) -> State:
        """Read a value after everything inside it, with a stack of our own."""
        stack: list[tuple[Value, bool]] = [(root, False)]
        while stack:
            value, ready = stack.pop()
            if not _is_container(value):
                continue
            key = id(value)
            if ready:
                self.finish(value)
                continue
            if key in self.done:
                continue
            self.keep.append(value)
            inner = self.begin(value)
            stack.append((value, True))
            stack.extend((part, False) for part in inner if id(part) not in self.done)
        return self.of(root)

    def begin(self, value: Value) -> list[Value]:
        """Register a container and return what must be read before it is finished."""
        key = id(value)
        if isinstance(value, ListValue):
            self.done[key] = []
            return list(value)
        if isinstance(value, DictValue):
            self.done[key] = {}
            return list(value)
        if isinstance(value, SetValue):
            self.done[key] = []
            return list(value.items)
        if isinstance(value, tuple):
            self.done[key] = _PENDING
            return list(value)
        assert isinstance(value, Call)
        if _is_ordered_dict(value) or _is_default_dict(value):
            self.done[key] = {}
            start = _initial(value)
            return [*start, *value.flat]
        passed = _passed(value)
        if passed is not None:
            self.done[key] = _PENDING
            self.through[key] = passed
            return [passed]
        if is_made_by(value, "torch.Size"):
            self.done[key] = _PENDING
            return list(value.args) if isinstance(value.args, tuple) else []
        self.done[key] = _PENDING
        return list(value.states)

    def finish(self, value: Value) -> None:
        """Fill what `begin` registered."""
        key = id(value)
        made = self.done[key]
        if isinstance(value, ListValue):
            made.extend(self.of(item) for item in value)
        elif isinstance(value, DictValue):
            self.fill(made, value.pairs())
        elif isinstance(value, SetValue):
            made.extend(self.of(item) for item in value.items)
        elif isinstance(value, tuple):
            self.done[key] = tuple(self.of(item) for item in value)
        elif isinstance(value, Call):
            if _is_ordered_dict(value) or _is_default_dict(value):
                self.fill(made, iter(_pairs(_initial(value))))
                self.fill(made, value.pairs())
            else:
                self.done[key] = self.call(value)

    def fill(self, made: dict[State, State], pairs: Iterator[tuple[Value, Value]]) -> None:
        """Assign pairs in order."""
        for key, value in pairs:
            made[self.key(key)] = self.of(value)

    def key(self, key: Value) -> State:
        """Return a hashable stand-in for a key."""
        read = self.of(key)
        try:
            hash(read)
        except TypeError:
            return repr(key)
        return read

    def of(self, value: Value) -> State:
        """Return the state read for a value whose inside was read before."""
        if _is_container(value):
            made = self.done.get(id(value), _PENDING)
            return Opaque(callee="?", where=self.where(0), value=None) if made is _PENDING else made
        if isinstance(value, Global):
            return Opaque(callee=value.dotted, where=self.where(value.offset), value=value)
        if isinstance(value, (Persistent, Unknown)):
            return Opaque(callee="?", where=self.where(value.offset), value=value)
        return value

    def where(self, offset: int, opcode: str | None = None) -> Where:
        return Where(member=self.member, offset=offset - self.origin, opcode=opcode)

    def call(self, value: Call) -> State:
        """Read what a call makes: a tensor, or an object we know nothing of."""
        passed = self.through.get(id(value))
        if passed is not None:
            return self.of(passed)
        if (
            is_made_by(value, "torch.Size")
            and isinstance(value.args, tuple)
            and len(value.args) == 1
        ):
            return self.of(value.args[0])
        encoded = _encoded(value)
        if encoded is not None:
            return encoded
        tensor = rebuilt(value, self.where(value.offset, value.opcode))
        if tensor is not None:
            return tensor
        state = self.of(value.states[-1]) if value.states else None
        if isinstance(state, Opaque):
            state = None
        return Opaque(
            callee=callee(value.function),
            where=self.where(value.offset, value.opcode),
            value=value,
            state=state,
        )


_PENDING: Final = object()


def _is_container(value: Value) -> bool:
    return isinstance(value, (ListValue, DictValue, SetValue, tuple, Call))


def _is_ordered_dict(value: Call) -> bool:
    return is_made_by(value, "collections.OrderedDict")


def _is_default_dict(value: Call) -> bool:
    return is_made_by(value, "collections.defaultdict")


def _initial(value: Call) -> list[Value]:
    """Return keys and values that a dict's call itself brings, in turn."""
    args = value.args if isinstance(value.args, tuple) else ()
    source = args[-1] if args and not isinstance(args[-1], (Global, type(None))) else None
    if isinstance(source, DictValue):
        return list(source)
    flat: list[Value] = []
    if isinstance(source, (ListValue, tuple)):
        for pair in source:
            if isinstance(pair, (ListValue, tuple)) and len(pair) == 2:
                flat.extend(pair)
    return flat


def _pairs(flat: list[Value]) -> Iterator[tuple[Value, Value]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _passed(value: Call) -> Value:
    """Return the value that a call hands through unchanged, or None.

    A parameter is its tensor, a tensor subclass is the tensor that its rebuild function
    makes, and the list builders of TorchScript return their argument.
    """
    function, args = value.function, value.args
    if not isinstance(function, Global) or not isinstance(args, tuple) or not args:
        return None
    if function.module == "torch._utils" and function.name in _PARAMETERS:
        return args[0]
    if function.module == "torch.jit._pickle" and function.name in _PASS_THROUGH:
        return args[0]
    if function != Global("torch._tensor", "_rebuild_from_type_v2"):
        return None
    match args:
        case (Global() as inner, _, tuple() as inner_args, _):
            return Call(inner, inner_args, opcode=value.opcode, offset=value.offset)
    return None


def _encoded(value: Call) -> bytes | None:
    """Return the bytes that protocols below 3 write as encoded text, or None."""
    if is_made_by(value, "_codecs.encode"):
        match value.args:
            case (str(text), str(encoding)) if encoding in ENCODINGS:
                try:
                    return text.encode(encoding)
                except UnicodeEncodeError:
                    return None
    if is_made_by(value, "__builtin__.bytes", "builtins.bytes") and value.args == ():
        return b""
    return None
