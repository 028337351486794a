"""The state that a torch pickle holds, read from its abstract value; nothing is built.

`read_state` turns the machine's value into plain Python: dicts, lists, tuples and scalars,
with a `TensorFact` wherever the pickle rebuilds a tensor and an `Opaque` for every object
that is no data. It never recurses, so depth costs nothing, and a container that the pickle
shares is read once and shared in the result.

Layouts that no dense file can hold keep their name: `sparse_coo`, `sparse_csr`, `quantized`,
`meta`, `nested`, `wrapper`. What torch does with each argument is in `torch/_utils.py` and
`torch/_tensor.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from scanner.facts import TensorFact
from scanner.findings import Where
from scanner.frozen import dataclass, replace
from scanner.pickles.shapes import ENCODINGS
from scanner.pickles.values import (
    Call,
    DictValue,
    Global,
    ListValue,
    Persistent,
    SetValue,
    Span,
    Unknown,
    Value,
    callee,
)

State: TypeAlias = Any
"""dict, list, tuple, None, bool, int, float, str, bytes, TensorFact, Opaque or Span."""

STORAGE_DTYPES: Final = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16", "LongStorage": "int64", "IntStorage": "int32",
    "ShortStorage": "int16", "CharStorage": "int8", "ByteStorage": "uint8",
    "BoolStorage": "bool", "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128", "QInt8Storage": "qint8", "QUInt8Storage": "quint8",
    "QInt32Storage": "qint32", "QUInt4x2Storage": "quint4x2", "QUInt2x4Storage": "quint2x4",
    "UntypedStorage": "uint8", "_UntypedStorage": "uint8",
}  # fmt: skip
"""Element dtype by storage class; an untyped storage counts bytes."""

ITEM_BYTES: Final = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int64": 8, "int32": 4,
    "int16": 2, "int8": 1, "uint8": 1, "bool": 1, "complex64": 8, "complex128": 16,
    "complex32": 4, "uint16": 2, "uint32": 4, "uint64": 8, "float8_e4m3fn": 1,
    "float8_e5m2": 1, "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1, "float8_e8m0fnu": 1,
    "qint8": 1, "quint8": 1, "qint32": 4, "quint4x2": 1, "quint2x4": 1,
    "float4_e2m1fn_x2": 1, "bits8": 1, "bits16": 2, "bits1x8": 1, "bits2x4": 1, "bits4x2": 1,
}  # fmt: skip
"""Bytes per element by torch dtype name."""

_ALIASES: Final = {
    "float": "float32", "double": "float64", "half": "float16", "long": "int64", "int": "int32",
    "short": "int16", "cfloat": "complex64", "cdouble": "complex128", "chalf": "complex32",
}  # fmt: skip

_OTHER_LAYOUTS: Final = {
    "_rebuild_sparse_tensor": "sparse",
    "_rebuild_sparse_csr_tensor": "sparse_csr",
    "_rebuild_nested_tensor": "nested",
    "_rebuild_qtensor": "quantized",
    "_rebuild_meta_tensor_no_storage": "meta",
    "_rebuild_wrapper_subclass": "wrapper",
    "_rebuild_device_tensor_from_numpy": "numpy",
    "_rebuild_device_tensor_from_cpu_tensor": "device",
    "_rebuild_xla_tensor": "xla",
}
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
        if _is_size(value):
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
        if _is_size(value) and isinstance(value.args, tuple) and len(value.args) == 1:
            return self.of(value.args[0])
        encoded = _encoded(value)
        if encoded is not None:
            return encoded
        tensor = self.tensor(value)
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

    def tensor(self, value: Call) -> TensorFact | None:
        """Read a rebuild call, or return None for what is none."""
        function = value.function
        if not isinstance(function, Global) or not isinstance(value.args, tuple):
            return None
        args = value.args
        where = self.where(value.offset, value.opcode)
        if function.module == "torch._utils":
            if function.name in ("_rebuild_tensor", "_rebuild_tensor_v2") and len(args) >= 4:
                metadata = args[6] if len(args) > 6 else None
                return strided(args, metadata, None, where)
            if function.name == "_rebuild_tensor_v3" and len(args) >= 7:
                metadata = args[7] if len(args) > 7 else None
                return strided(args, metadata, _dtype(args[6]), where)
            layout = _OTHER_LAYOUTS.get(function.name)
            if layout is not None:
                return _other(layout, args, where)
        return None


_PENDING: Final = object()


def _is_container(value: Value) -> bool:
    return isinstance(value, (ListValue, DictValue, SetValue, tuple, Call))


def _is_named(value: Call, *names: str) -> bool:
    return isinstance(value.function, Global) and value.function.dotted in names


def _is_ordered_dict(value: Call) -> bool:
    return _is_named(value, "collections.OrderedDict")


def _is_default_dict(value: Call) -> bool:
    return _is_named(value, "collections.defaultdict")


def _is_size(value: Call) -> bool:
    return _is_named(value, "torch.Size")


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
    if _is_named(value, "_codecs.encode"):
        match value.args:
            case (str(text), str(encoding)) if encoding in ENCODINGS:
                try:
                    return text.encode(encoding)
                except UnicodeEncodeError:
                    return None
    if _is_named(value, "__builtin__.bytes", "builtins.bytes") and value.args == ():
        return b""
    return None


def _dtype(value: Value) -> str | None:
    if not isinstance(value, Global) or value.module != "torch":
        return None
    return _ALIASES.get(value.name, value.name)


def _ints(value: Value) -> tuple[int, ...] | None:
    if isinstance(value, Call) and _is_size(value) and isinstance(value.args, tuple):
        value = value.args[0] if value.args else None
    if not isinstance(value, (tuple, ListValue)):
        return None
    numbers = tuple(item for item in value if type(item) is int)
    return numbers if len(numbers) == len(value) else None


def _text(value: Value) -> str:
    if isinstance(value, bytes):
        return value.decode("ascii", "replace")
    return str(value)


def strided(
    args: tuple[Value, ...], metadata: Value, dtype: str | None, where: Where
) -> TensorFact | None:
    """Return the tensor of (storage, offset, size, stride, ...), or None when it is none.

    `metadata` may hold the lazy conjugation and negation bits; `dtype` is given where the
    storage is untyped. A view of a storage, as old files have it, moves the offset.
    """
    storage, offset, size, stride = args[0], args[1], _ints(args[2]), _ints(args[3])
    if not isinstance(storage, Persistent) or type(offset) is not int:
        return None
    pid = storage.pid
    if size is None or stride is None or not isinstance(pid, tuple) or len(pid) not in (5, 6):
        return None
    kind, key, location, elements = pid[1:5]
    if not isinstance(kind, Global) or type(elements) is not int:
        return None
    storage_dtype = STORAGE_DTYPES.get(kind.name)
    if storage_dtype is None:
        return None
    start = offset
    if len(pid) == 6 and isinstance(pid[5], tuple) and len(pid[5]) == 3:
        shift = pid[5][1]
        if type(shift) is not int:
            return None
        start += shift
    bits = metadata if isinstance(metadata, DictValue) else DictValue()
    return TensorFact(
        where=where,
        name=(),
        dtype=dtype or storage_dtype,
        shape=size,
        stride=stride,
        storage=_text(key),
        storage_dtype=storage_dtype,
        storage_offset=start,
        storage_elements=elements,
        device=_text(location),
        conjugate=bits.get("conj") is True,
        negative=bits.get("neg") is True,
    )


def _other(layout: str, args: tuple[Value, ...], where: Where) -> TensorFact:
    """Return a tensor of a layout that is not strided, with what its arguments tell."""
    dtype = "unknown"
    shape: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    storage, elements, offset, storage_dtype = "", 0, 0, "unknown"
    if layout == "quantized" and len(args) >= 4:
        inner = strided(args, None, None, where)
        if inner is not None:
            dtype, shape, stride = inner.dtype, inner.shape, inner.stride
            storage, elements = inner.storage, inner.storage_elements
            offset, storage_dtype = inner.storage_offset, inner.storage_dtype
    elif layout == "meta" and len(args) >= 3:
        dtype = _dtype(args[0]) or dtype
        shape, stride = _ints(args[1]) or (), _ints(args[2]) or ()
    elif layout == "wrapper" and len(args) >= 4:
        dtype = _dtype(args[1]) or dtype
        shape, stride = _ints(args[2]) or (), _ints(args[3]) or ()
    elif layout == "sparse" and len(args) == 2:
        layout = _sparse_layout(args[0])
        if isinstance(args[1], tuple):
            shape = next((s for s in map(_ints, reversed(args[1])) if s is not None), ())
    return TensorFact(
        where=where,
        name=(),
        dtype=dtype,
        shape=shape,
        stride=stride,
        storage=storage,
        storage_dtype=storage_dtype,
        storage_offset=offset,
        storage_elements=elements,
        layout=layout,
    )


def _sparse_layout(value: Value) -> str:
    if isinstance(value, Call) and isinstance(value.args, tuple) and value.args:
        return str(value.args[0]).removeprefix("torch.")
    return value.name if isinstance(value, Global) else "sparse_coo"


__all__ = [
    "ITEM_BYTES", "STORAGE_DTYPES", "Opaque", "Span", "State", "read_state", "strided", "tensors",
]  # fmt: skip
