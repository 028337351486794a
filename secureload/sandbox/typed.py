"""Values as JSON gives them, made into a type that was named: strictly, or not at all.

A library does the same, and takes longer to import than a worker to scan a small file. What
is taken here, `msgspec` takes too, and makes the same of it.
"""

from __future__ import annotations

import enum
import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

_T = TypeVar("_T")

_Make = Callable[[Any], Any]


def fit(value: object, type_: type[_T]) -> _T:
    """Make a value of JSON into a `type_`.

    Raises:
        ValueError: it is none.
    """
    return cast("_T", _maker(cast("Any", type_))(value))


def learn(type_: Any) -> None:
    """Find out how a type is made, while there is nothing else to do."""
    _maker(type_)


@cache
def _maker(type_: Any) -> _Make:
    """The function that makes a value of JSON into a type, or raises `ValueError`."""
    if type_ in (str, int, bool, type(None)):
        return lambda value: value if type(value) is type_ else _wrong(value, type_)
    if type_ is float:
        return lambda value: float(value) if type(value) in (int, float) else _wrong(value, float)
    if hasattr(type_, "__frozen_fields__"):
        return _object(type_)
    if isinstance(type_, type) and issubclass(type_, enum.Enum):
        known = {(type(member.value), member.value): member for member in type_}
        return lambda value: _known(value, known)
    origin, inner = get_origin(type_), get_args(type_)
    if origin is Literal:
        return lambda value: _known(value, {(type(one), one): one for one in inner})
    if origin in (Union, types.UnionType):
        return _either(tuple(map(_maker, inner)))
    if origin is tuple and len(inner) == 2 and inner[1] is Ellipsis:
        return _row(_maker(inner[0]))
    if origin is tuple:
        return _pair(tuple(map(_maker, inner)))
    if origin in (dict, Mapping):
        key, each = map(_maker, inner)
        return lambda value: {key(name): each(one) for name, one in _mapping(value).items()}
    raise TypeError(f"{type_} cannot be told in a message")


def _object(type_: Any) -> _Make:
    hints = get_type_hints(type_)
    fields: Mapping[str, Any] = type_.__frozen_fields__
    makers = {name: _maker(hints[name]) for name in fields}
    needed = {name for name, field in fields.items() if field.required}

    def make(value: Any) -> Any:
        told = _mapping(value)
        if not needed <= told.keys() <= makers.keys():
            raise ValueError(f"a {type_.__name__} with other fields than it has")
        return type_(**{name: makers[name](one) for name, one in told.items()})

    return make


def _either(makers: tuple[_Make, ...]) -> _Make:
    def make(value: Any) -> Any:
        for one in makers:
            try:
                return one(value)
            except ValueError as error:
                last = error
        raise last

    return make


def _row(each: _Make) -> _Make:
    return lambda value: tuple([each(one) for one in _list(value)])


def _pair(makers: tuple[_Make, ...]) -> _Make:
    def make(value: Any) -> Any:
        if len(_list(value)) != len(makers):
            raise ValueError(f"{len(value)} values where {len(makers)} belong")
        return tuple(one(part) for one, part in zip(makers, value, strict=True))

    return make


def _known(value: Any, known: Mapping[Any, Any]) -> Any:
    told = (type(value), value) if isinstance(value, str | int) else None
    if told not in known:
        raise ValueError(f"{str(value)[:100]!r} where something else belongs")
    return known[told]


def _mapping(value: Any) -> dict[str, Any]:
    return value if type(value) is dict else _wrong(value, dict)


def _list(value: Any) -> list[Any]:
    return value if type(value) is list else _wrong(value, list)


def _wrong(value: Any, wanted: type) -> Any:
    raise ValueError(f"a {type(value).__name__} where a {wanted.__name__} belongs")
