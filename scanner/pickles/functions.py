"""Functions that an object keeps for later: with which arguments keeping them is harmless.

Naming a function runs nothing. A `partial` is as harmless as what it keeps, an `itemgetter`
indexes what it is given; what looks attributes up by name is not harmless in anyone's hands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scanner.pickles import danger
from scanner.pickles.allowlist import CALLED_ONLY
from scanner.pickles.predicates import is_made_by, is_plain
from scanner.pickles.shapes import Args, attributes, containers, resolved
from scanner.pickles.values import Call, DictValue, Global, Value

if TYPE_CHECKING:
    from scanner.pickles.allowlist import Allowlist

FUNCTION: Final = "function"
"""The kind of a function that reaches nothing but what it is given; it may not be called."""

_PARTIAL: Final = ("functools.partial", "_functools.partial")
_SLICE: Final = ("builtins.slice", "__builtin__.slice")


def partial(args: Args, allow: Allowlist) -> str | None:
    """(function, arguments...) where the function is listed, and harmless with these."""
    return _kept(args, None, allow)


def partial_state(state: Value, allow: Allowlist) -> str | None:
    """(function, arguments, keywords, attributes), as `partial.__setstate__` takes them."""
    match state:
        case (function, tuple() as args, (DictValue() | None) as kwargs, attrs):
            said = _kept((function, *args), kwargs, allow)
            return said or (None if attrs is None else attributes(attrs, allow))
    return "its state is not that of a partial"


def _kept(args: Args, kwargs: Value, allow: Allowlist) -> str | None:
    function = resolved(args[0]) if args else None
    if not isinstance(function, Global):
        return "what it keeps is not a global, but something computed"
    if allow.judge_import(function) is not None:
        return f"no allowlist names `{function.dotted}`, which it keeps"
    kind = allow.kind(function)
    if kind in (FUNCTION, "admitted"):
        return None
    if kind == CALLED_ONLY or danger.effect(function.module, function.name) is not None:
        return f"`{function.dotted}`, which it keeps, is harmless with some arguments only"
    entry = allow.entry(function.module, function.name)
    if (len(args) == 1 and not kwargs) or entry is None or entry.call is None:
        return None
    return allow.judge_call(function, args[1:], kwargs, "REDUCE")


def item_getter(args: Args, allow: Allowlist) -> str | None:
    """Plain keys and slices."""
    if args and all(is_plain(arg) or is_made_by(arg, *_SLICE) for arg in args):
        return None
    return "it is harmless with plain keys only"


def by_name(args: Args, allow: Allowlist) -> str | None:
    """Nothing: what it makes looks attributes up in whatever it will be given."""
    return "what it makes looks attributes up by name in whatever it is given"


def factory(args: Args, allow: Allowlist) -> str | None:
    """A plain type, a harmless function or a partial of one, and perhaps the contents."""
    made = resolved(args[0]) if args else None
    listed = isinstance(made, Global) and allow.kind(made) in ("container", "scalar", FUNCTION)
    if made is not None and not listed and not _is_harmless_partial(made):
        return "its factory is not a plain container type"
    return containers(args[1:], allow)


def _is_harmless_partial(made: Value) -> bool:
    return isinstance(made, Call) and is_made_by(made, *_PARTIAL) and made.objection is None
