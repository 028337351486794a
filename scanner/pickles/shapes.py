"""Argument shapes: with which arguments a call, or with which state a BUILD, is harmless.

A shape takes the arguments and the allowlist in force, and gives None, or a sentence that
says what is wrong. Arguments that are calls themselves were judged when they were made; a
shape looks at what this callee would do with them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from scanner.patterns import pattern
from scanner.pickles import danger
from scanner.pickles.dtypes import array_state, is_dtype
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
)

if TYPE_CHECKING:
    from scanner.pickles.allowlist import Allowlist

Args: TypeAlias = "tuple[Value, ...]"
Shape: TypeAlias = "Callable[[Args, Allowlist], str | None]"
StateShape: TypeAlias = "Callable[[Value, Allowlist], str | None]"
ChangeShape: TypeAlias = "Callable[[Call, Value, Allowlist], str | None]"

_SCALARS: Final = (bool, int, float, str, bytes, Span)


def is_scalar(value: Value) -> bool:
    """None, a bool, a number, text or bytes."""
    return value is None or isinstance(value, _SCALARS)


def is_int(value: Value) -> bool:
    """An integer that is no bool."""
    return type(value) is int


def is_ints(value: Value) -> bool:
    """A tuple or list of integers, or a torch.Size made of one."""
    if isinstance(value, Call) and value.function == Global("torch", "Size"):
        return isinstance(value.args, tuple) and len(value.args) == 1 and is_ints(value.args[0])
    return isinstance(value, (tuple, ListValue)) and all(is_int(item) for item in value)


def is_text(value: Value) -> bool:
    """A str or bytes, of any length."""
    return isinstance(value, (str, bytes)) or (
        isinstance(value, Span) and value.kind in ("str", "bytes", "bytearray")
    )


def is_made_by(value: Value, *names: str) -> bool:
    """The result of calling one of these dotted names."""
    return (
        isinstance(value, Call)
        and isinstance(value.function, Global)
        and value.function.dotted in names
    )


def is_plain(value: Value, *, deepest: int = 40) -> bool:
    """Data alone: scalars, and tuples, lists, dicts and sets of them."""
    pending: list[tuple[Value, int]] = [(value, 0)]
    seen: set[int] = set()
    while pending:
        item, depth = pending.pop()
        if is_scalar(item):
            continue
        if depth > deepest:
            return False
        if isinstance(item, (ListValue, DictValue, tuple)):
            inner: list[Value] | tuple[Value, ...] = item
        elif isinstance(item, SetValue):
            inner = item.items
        else:
            return False
        if id(item) not in seen:
            seen.add(id(item))
            pending.extend((part, depth + 1) for part in inner)
    return True


_TYPES: Final = frozenset(
    """NoneType bool bytearray bytes complex dict float frozenset int list object range set slice
    str tuple""".split()  # noqa: SIM905
)
"""Plain types that dill looks up by name."""


def resolved(value: Value) -> Value:
    """The global that a lookup by name amounts to, or the value itself.

    `getattr(C, "m")` is the qualified name `C.m`, and dill's `_load_type("list")` is `list`:
    allowlists then name the method or the type, with the shapes of its own arguments.
    """
    if isinstance(value, Call) and isinstance(value.args, tuple):
        match value.args:
            case (Global() as owner, str(name)) if is_made_by(value, *_GETATTR):
                return _member(owner, name)
            case (str(name),) if is_made_by(value, "dill._dill._load_type") and name in _TYPES:
                return Global("builtins", name)
    return value


def _member(owner: Global, name: str) -> Global:
    """The attribute of a class by its qualified name; names of Python 2 alone are mapped."""
    module, qualified = owner.module, owner.name
    if danger.only_python2(module):
        module, qualified = danger.canonical(module, qualified)
    return Global(module, f"{qualified}.{name}")


_GETATTR: Final = ("builtins.getattr", "__builtin__.getattr")


# -- calls ------------------------------------------------------------------------------------


def anything(args: Args, allow: Allowlist) -> str | None:
    """Any arguments: the callee stores what it is given and does nothing with it."""
    return None


def inside(args: Args, allow: Allowlist) -> str | None:
    """Any arguments, but no text that leads a reader of time zones out of the zone data."""
    if any(isinstance(arg, str) and _LEADS_OUT.search(arg) for arg in args):
        return "its text is a path that leads out of the zone data"
    return None


_LEADS_OUT: Final = pattern(r"^/|//|\\|\.\.")


def nothing(args: Args, allow: Allowlist) -> str | None:
    """No arguments."""
    return None if not args else "it is harmless without arguments only"


def scalars(args: Args, allow: Allowlist) -> str | None:
    """Scalars alone."""
    return None if all(map(is_scalar, args)) else "it is harmless with plain scalars only"


def plain(args: Args, allow: Allowlist) -> str | None:
    """Plain data alone."""
    return None if all(map(is_plain, args)) else "it is harmless with plain data only"


def containers(args: Args, allow: Allowlist) -> str | None:
    """At most one list, tuple, dict or set, whatever it holds: it is walked, not used."""
    if not args:
        return None
    if len(args) == 1 and isinstance(args[0], (ListValue, DictValue, SetValue, tuple)):
        return None
    return "it is harmless with one plain container only"


def text(args: Args, allow: Allowlist) -> str | None:
    """Text or bytes, and short options as text."""
    if all(is_text(arg) for arg in args):
        return None
    return "it is harmless with text only"


def octets(args: Args, allow: Allowlist) -> str | None:
    """The contents of bytes or a bytearray; never a bare number, which asks for memory."""
    match args:
        case ():
            return None
        case (content, *encoding) if is_text(content) or isinstance(content, ListValue):
            if all(type(option) is str and option in ENCODINGS for option in encoding):
                return None
    if args and all(is_made_by(arg, "_codecs.encode") for arg in args):
        return None
    return "it is harmless with the content itself only"


ENCODINGS: Final = frozenset(
    {"latin1", "latin-1", "latin_1", "iso-8859-1", "iso8859-1", "ascii", "utf-8", "utf8"}
)
"""Encodings that the interpreter has built in: naming them imports nothing."""


def encode(args: Args, allow: Allowlist) -> str | None:
    """Text, and an encoding that is built in."""
    match args:
        case (content, str(encoding)) if encoding in ENCODINGS and is_text(content):
            return None
    return "it is harmless with text and a built-in encoding only"


def decoded(args: Args, allow: Allowlist) -> str | None:
    """A scalar, or bytes with an encoding that is built in."""
    match args:
        case (_, encoding, *rest) if encoding not in ENCODINGS or len(rest) > 1:
            return "it is harmless with a built-in encoding only"
    return scalars(args, allow)


def fraction(args: Args, allow: Allowlist) -> str | None:
    """Numbers, or a fraction in text without an exponent of many digits."""
    if any(isinstance(arg, str) and _EXPONENT.search(arg) for arg in args):
        return "its exponent would take all memory"
    return scalars(args, allow)


_EXPONENT: Final = pattern(r"[eE][+-]?[0-9_]{4}")


def enum_member(args: Args, allow: Allowlist) -> str | None:
    """(enumeration, member's name), as Python 3.11 pickles one; or a method that is listed."""
    match args:
        case (Global() as owner, str(name)) if allow.judge_import(_member(owner, name)) is None:
            return None
        case (Global() as owner, str(name)) if name.isidentifier() and not name.startswith("_"):
            if allow.kind(owner) == "enum":
                return None
            return "the class is not on the list of enumerations"
    return "it is harmless only to name the member of a known enumeration"


def reconstructor(args: Args, allow: Allowlist) -> str | None:
    """(class, base, state) where the class may be made empty, and the base is a plain type."""
    match args:
        case (Global() as cls, Global() as base, state):
            if allow.kind(base) not in ("container", "scalar", "object"):
                return "its base class is not a plain type"
            if not (is_scalar(state) or isinstance(state, (ListValue, DictValue, tuple))):
                return "its state is not plain"
            return allow.judge_new(cls)
    return "it is harmless with (class, base, state) only"


def new_object(args: Args, allow: Allowlist) -> str | None:
    """(class, arguments...) where the class may be made with these arguments."""
    match args:
        case (Global() as cls, *rest):
            return allow.judge_call(cls, tuple(rest), None, "NEWOBJ")
    return "its class is not a global"


def of_class(*names: str) -> Shape:
    """Return a shape: the first argument is one of these classes, the rest is plain."""

    def shape(args: Args, allow: Allowlist) -> str | None:
        if args and isinstance(args[0], Global) and args[0].dotted in names:
            return plain(args[1:], allow)
        return f"its class is none of {', '.join(names)}"

    return shape


def of_kind(kind: str) -> Shape:
    """Return a shape: the first argument is a listed class of this kind, the rest is data."""

    def shape(args: Args, allow: Allowlist) -> str | None:
        if args and isinstance(args[0], Global) and allow.kind(args[0]) == kind:
            return None
        return f"its class is not listed as {kind}"

    return shape


def words(*known: str) -> Shape:
    """Return a shape: one of these texts, alone."""

    def shape(args: Args, allow: Allowlist) -> str | None:
        if len(args) == 1 and isinstance(args[0], str) and args[0] in known:
            return None
        return f"it is harmless with one of {', '.join(known)} only"

    return shape


def type_name(args: Args, allow: Allowlist) -> str | None:
    """The name of a plain type."""
    return words(*sorted(_TYPES))(args, allow)


def type_of(args: Args, allow: Allowlist) -> str | None:
    """One plain value, whose type is meant: how `type(None)` is pickled."""
    if len(args) == 1 and (
        is_scalar(args[0])
        or args[0] in (Global("builtins", "Ellipsis"), Global("builtins", "NotImplemented"))
    ):
        return None
    return "it is harmless with one plain value only"


def zone(args: Args, allow: Allowlist) -> str | None:
    """The key of a time zone, which leads nowhere but into the zone data, and a flag."""
    match args:
        case (str(key), *rest) if len(rest) <= 1 and all(map(is_scalar, rest)):
            if _ZONE.fullmatch(key):
                return None
    return "it is harmless with the name of a time zone only"


_ZONE: Final = pattern(r"[A-Za-z][A-Za-z0-9_+-]{0,40}(?:/[A-Za-z][A-Za-z0-9_+-]{0,40}){0,2}")


def maps(state: Value, allow: Allowlist) -> str | None:
    """The dicts of a ChainMap, and nothing else."""
    if isinstance(state, DictValue) and list(state[::2]) == ["maps"] and is_plain(state[1]):
        return None
    return "its state is not a list of plain dicts"


def number_array(args: Args, allow: Allowlist) -> str | None:
    """(typecode, numbers or bytes), perhaps with the class before and a format between."""
    rest = args[1:] if args and args[0] == Global("array", "array") else args
    if len(rest) > 1 and all(map(is_plain, rest)) and not (len(rest) == 2 and is_int(rest[1])):
        return None
    return "it is harmless with numbers only"


def nested_array(args: Args, allow: Allowlist) -> str | None:
    """(numpy's function for empty arrays, its arguments, state, attributes or None)."""
    match args:
        case (Global() as function, tuple() as inner, tuple() as state, extra):
            if function.name != "_reconstruct":
                return "the function it calls makes no array"
            made = allow.judge_call(function, inner, None, "REDUCE") or array_state(state, allow)
            return made or (None if extra is None else attributes(extra, allow))
    return "its arguments are not those of an array"


# -- torch ------------------------------------------------------------------------------------


def is_storage(value: Value) -> bool:
    """What a persistent id of torch's stands for, a view of one, or one that came as bytes."""
    if is_made_by(value, "torch.storage._load_from_bytes"):
        assert isinstance(value, Call)
        return value.objection is None
    return isinstance(value, Persistent)


def carried(args: Args, allow: Allowlist) -> str | None:
    """Bytes that the stream holds as they are: the machine judges what they say."""
    match args:
        case (bytes(),):
            return None
        case (Span(kind="bytes"),):
            return None
    return "it is harmless with the bytes of one storage only"


def is_hooks(value: Value) -> bool:
    """The empty OrderedDict that torch writes for backward hooks, or nothing."""
    if is_made_by(value, "collections.OrderedDict"):
        assert isinstance(value, Call)
        return value.args == () and not value.flat
    return value is None or (isinstance(value, (DictValue, ListValue)) and not value)


def is_tensor(value: Value) -> bool:
    """The result of a rebuild call."""
    return (
        isinstance(value, Call)
        and isinstance(value.function, Global)
        and value.function.module in ("torch._utils", "torch._tensor")
        and value.function.name.startswith("_rebuild_")
    )


def sizes(value: Value) -> list[int]:
    """The integers of what `is_ints` accepts."""
    if isinstance(value, Call) and isinstance(value.args, tuple):
        value = value.args[0]
    return list(value) if isinstance(value, (tuple, ListValue)) else []  # type: ignore[arg-type]


def _fits(storage: Value, offset: Value, size: list[int], stride: list[int]) -> bool:
    """Whether every element lies within the storage, as far as its length is known."""
    if len(size) != len(stride) or min([0, *size, *stride]) < 0:
        return False
    pid = storage.pid if isinstance(storage, Persistent) else None
    if not isinstance(pid, tuple) or len(pid) < 5 or not isinstance(offset, int):
        return True
    view = pid[5] if len(pid) == 6 else None
    elements = view[2] if isinstance(view, tuple) and len(view) == 3 else pid[4]
    if type(elements) is not int or 0 in size:
        return offset >= 0
    reach = sum((count - 1) * step for count, step in zip(size, stride, strict=True))
    return offset >= 0 and offset + reach < elements


def tensor_v2(args: Args, allow: Allowlist) -> str | None:
    """(storage, offset, size, stride[, requires_grad, hooks[, metadata]])."""
    match args:
        case (storage, offset, size, stride, *rest) if len(rest) <= 3:
            if not is_storage(storage):
                return "its storage is not one of the file's"
            if not (is_int(offset) and is_ints(size) and is_ints(stride)):
                return "its offset, size and stride are not integers"
            if not _fits(storage, offset, sizes(size), sizes(stride)):
                return "it reaches beyond its storage"
            if rest and type(rest[0]) not in (bool, int):
                return "requires_grad is not a bool"
            if len(rest) > 1 and not is_hooks(rest[1]):
                return "it brings backward hooks"
            if len(rest) > 2 and not is_plain(rest[2]):
                return "its metadata is not plain"
            return None
    return "its arguments are not those of a tensor"


def tensor_v3(args: Args, allow: Allowlist) -> str | None:
    """The same with a dtype after the hooks."""
    match args:
        case (*head, Global() as dtype) if len(head) == 6 and allow.kind(dtype) == "dtype":
            return tensor_v2(tuple(head), allow)
        case (*head, Global() as dtype, metadata) if len(head) == 6:
            if allow.kind(dtype) == "dtype" and is_plain(metadata):
                return tensor_v2(tuple(head), allow)
    return "its arguments are not those of a tensor"


def parameter(args: Args, allow: Allowlist) -> str | None:
    """(tensor, requires_grad, hooks[, state])."""
    match args:
        case (data, requires_grad, hooks, *state) if len(state) <= 1:
            if not is_tensor(data):
                return "its data is not a tensor"
            if type(requires_grad) not in (bool, int):
                return "requires_grad is not a bool"
            if not is_hooks(hooks):
                return "it brings backward hooks"
            return attributes(state[0], allow) if state else None
    return "its arguments are not those of a parameter"


def from_type(args: Args, allow: Allowlist) -> str | None:
    """(rebuild function, tensor class, its arguments, state): a call inside the call."""
    match args:
        case (Global() as function, Global() as cls, tuple() as inner, state):
            if allow.kind(function) != "rebuild":
                return "the function it calls is no rebuild function"
            if allow.kind(cls) != "tensor":
                return "its class is not a tensor class"
            return allow.judge_call(function, inner, None, "REDUCE") or attributes(state, allow)
    return "its arguments are not those of a tensor subclass"


def pieces(args: Args, allow: Allowlist) -> str | None:
    """Tensors, storages, dtypes and plain data, nested as the other rebuild calls nest them."""
    pending: list[Value] = list(args)
    seen: set[int] = set()
    while pending:
        item = pending.pop()
        if is_scalar(item) or is_storage(item) or is_tensor(item) or is_hooks(item):
            continue
        if isinstance(item, Global):
            if allow.kind(item) in ("dtype", "constant", "tensor"):
                continue
            return f"{item.dotted} has no place in a tensor"
        if is_made_by(item, "torch.Size", "torch.device", "torch.serialization._get_layout"):
            continue
        if not isinstance(item, (tuple, ListValue, DictValue)):
            return "its arguments are not those of a tensor"
        if id(item) not in seen:
            seen.add(id(item))
            pending.extend(item)
    return None


def size(args: Args, allow: Allowlist) -> str | None:
    """One tuple of integers."""
    return None if len(args) == 1 and is_ints(args[0]) else "it is harmless with integers only"


# -- numpy ------------------------------------------------------------------------------------

_DTYPE_NAME: Final = pattern(r"[<>=|]?[A-Za-z?][A-Za-z_]{0,15}[0-9]{0,9}(?:\[[0-9a-z]{1,12}\])?")


def dtype(args: Args, allow: Allowlist) -> str | None:
    """A dtype's short name and two flags."""
    match args:
        case (name, *flags) if all(is_scalar(flag) for flag in flags) and len(flags) <= 2:
            if isinstance(name, str) and _DTYPE_NAME.fullmatch(name):
                return None
            if isinstance(name, Global) and allow.kind(name) in ("numpy-scalar", "scalar"):
                return None
        case ((Global() as record, inner), *flags) if all(map(is_scalar, flags)):
            if allow.kind(record) == "numpy-scalar" and is_dtype(inner):
                return None
    return "it is harmless with the name of a dtype only"


def numpy_scalar(args: Args, allow: Allowlist) -> str | None:
    """(dtype, the bytes of one element)."""
    match args:
        case (kind, content) if is_dtype(kind):
            if is_text(content) or is_made_by(content, "_codecs.encode"):
                return None
        case (kind,) if is_dtype(kind):
            return None
    return "it is harmless with (dtype, bytes) only"


def empty_array(args: Args, allow: Allowlist) -> str | None:
    """(array class, (0,), b"b"): the empty array that BUILD then fills."""
    match args:
        case (Global() as cls, (0,), kind) if allow.kind(cls) == "array":
            if is_text(kind) or is_made_by(kind, "_codecs.encode"):
                return None
        case (Global() as cls, Global() as base, (0,), kind) if allow.kind(cls) == "array":
            if allow.kind(base) == "array" and (
                is_text(kind) or is_made_by(kind, "_codecs.encode")
            ):
                return None
    return "it is harmless with (array class, (0,), b'b') only"


def from_buffer(args: Args, allow: Allowlist) -> str | None:
    """(buffer, dtype, shape, order): an array over bytes that are in the file."""
    match args:
        case (content, kind, shape, *order) if is_dtype(kind) and is_ints(shape):
            if all(isinstance(option, str) for option in order) and (
                is_text(content) or isinstance(content, Unknown) or is_made_by(
                    content, "builtins.bytearray", "builtins.bytes", "_codecs.encode")
            ):  # fmt: skip
                return None
    return "it is harmless with (buffer, dtype, shape, order) only"


def generator(args: Args, allow: Allowlist) -> str | None:
    """Names of bit generators, generators already made, and their listed classes."""
    for arg in args:
        if isinstance(arg, str) and arg.isidentifier():
            continue
        if isinstance(arg, Global) and allow.kind(arg) == "generator":
            continue
        if isinstance(arg, Call) and isinstance(arg.function, Global) and (
            arg.function.module.startswith("numpy.random.")
        ):  # fmt: skip
            continue
        return "it is harmless with a bit generator only"
    return None


def buffer(args: Args, allow: Allowlist) -> str | None:
    """Bytes, or what holds them: never the address of memory."""
    match args:
        case (content,):
            if is_text(content) or isinstance(content, Unknown) or is_made_by(
                content, "builtins.bytearray", "builtins.bytes", "_codecs.encode",
                "__builtin__.bytearray", "__builtin__.bytes",
            ):  # fmt: skip
                return None
    return "it is harmless with bytes only"


def arrow_array(args: Args, allow: Allowlist) -> str | None:
    """(type, length, null count, offset, buffers, children, dictionary), as one tuple."""
    match args:
        case ((kind, *counts, ListValue() as buffers, ListValue() as children, None),):
            flat = is_made_by(kind, "pyarrow.lib.type_for_alias") and not children
            known = [one is None or is_made_by(one, "pyarrow.lib.py_buffer") for one in buffers]
            if flat and len(counts) == 3 and all(map(is_int, counts)) and all(known):
                return None
    return "its arguments are not those of a flat array"


# -- states -----------------------------------------------------------------------------------


def any_state(state: Value, allow: Allowlist) -> str | None:
    """Any state: the class's own `__setstate__` stores or checks it, and calls nothing in it."""
    return None


def attributes(state: Value, allow: Allowlist) -> str | None:
    """Instance attributes by name: a dict, or (dict, dict) with slots; no dunder among them."""
    parts = state if isinstance(state, tuple) and len(state) == 2 else (state,)
    for part in parts:
        if part is None:
            continue
        if not isinstance(part, DictValue):
            return "its state is not a dict of attributes"
        for key in part[::2]:
            if not isinstance(key, str):
                if not is_scalar(key):
                    return "an attribute's name is computed"
            elif key.startswith("__") and key.endswith("__"):
                return f"its state sets {key}"
    return None


def tuple_state(state: Value, allow: Allowlist) -> str | None:
    """A tuple, as the class's own `__setstate__` expects it."""
    return None if isinstance(state, tuple) else "its state is not a tuple"


def plain_state(state: Value, allow: Allowlist) -> str | None:
    """Plain data."""
    return None if is_plain(state) else "its state is not plain data"


def array_wrapper(state: Value, allow: Allowlist) -> str | None:
    """The attributes of joblib's array wrapper, of which it calls `subclass` alone."""
    if not isinstance(state, DictValue):
        return "its state is not a dict of attributes"
    subclass = state.get("subclass")
    if not isinstance(subclass, Global) or allow.kind(subclass) != "array":
        return "its array class is not listed"
    return attributes(state, allow)
