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
from scanner.pickles.predicates import is_int, is_made_by, is_plain, is_scalar, is_text
from scanner.pickles.values import Call, DictValue, Global, ListValue, SetValue, Value

if TYPE_CHECKING:
    from scanner.pickles.allowlist import Allowlist

Args: TypeAlias = "tuple[Value, ...]"
Shape: TypeAlias = "Callable[[Args, Allowlist], str | None]"
StateShape: TypeAlias = "Callable[[Value, Allowlist], str | None]"
ChangeShape: TypeAlias = "Callable[[Call, Value, Allowlist], str | None]"


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


def known_zone(args: Args, allow: Allowlist) -> str | None:
    """The key of a time zone, and the offsets and name of one of its times."""
    if args and zone(args[:1], allow) is None and all(map(is_scalar, args)):
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


def documented(state: Value, allow: Allowlist) -> str | None:
    """Attributes by name, a text that describes the object among them."""
    if isinstance(state, DictValue):
        if not all(
            text is None or is_text(text) for key, text in state.pairs() if key == "__doc__"
        ):
            return "its description is no text"
        state = DictValue(part for pair in state.pairs() if pair[0] != "__doc__" for part in pair)
    return attributes(state, allow)


def tuple_state(state: Value, allow: Allowlist) -> str | None:
    """A tuple, as the class's own `__setstate__` expects it."""
    return None if isinstance(state, tuple) else "its state is not a tuple"


def plain_state(state: Value, allow: Allowlist) -> str | None:
    """Plain data."""
    return None if is_plain(state) else "its state is not plain data"
