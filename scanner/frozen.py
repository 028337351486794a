"""`dataclass` for frozen classes, as in `dataclasses`, at a tenth of what a definition costs.

`dataclasses` writes and compiles six functions for each class, some half a millisecond: for the
classes of a scan more than for the scan. Here a class gets its fields from `dataclasses`, and
functions that all share. `fields`, `replace`, `asdict` and pickling work as ever; type checkers
see the original.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(
        *, frozen: bool, kw_only: bool = False, slots: bool = False
    ) -> Callable[[type], type]:
        """Make a class a frozen dataclass; takes no options but these."""
        if not frozen:
            raise TypeError("this dataclass is for frozen classes")

        def made(cls: type) -> type:
            own = vars(cls)
            methods = {name: method for name, method in _METHODS.items() if name not in own}
            cls = dataclasses.dataclass(
                cls, init=False, repr=False, eq=False, kw_only=kw_only, slots=slots
            )
            for name, method in methods.items():
                setattr(cls, name, method)
            fields = dataclasses.fields(cls)
            if not all(field.init for field in fields) or hasattr(cls, "__post_init__"):
                raise TypeError("fields without init and __post_init__ are not for this dataclass")
            cls.__init__ = _init_of(cls, fields)
            return cls

        return made


_set: Final = object.__setattr__
_MISSING: Final = dataclasses.MISSING


def _init_of(cls: type, fields: tuple[dataclasses.Field[Any], ...]) -> Callable[..., None]:
    positional = tuple(field.name for field in fields if not field.kw_only)
    plain = {field.name: field.default for field in fields}
    factories = {
        field.name: field.default_factory
        for field in fields
        if field.default_factory is not _MISSING
    }

    def __init__(self: Any, *args: Any, **given: Any) -> None:  # noqa: N807
        if args:
            if len(args) > len(positional):
                raise TypeError(f"{cls.__name__} takes {len(positional)} positional arguments")
            for name, value in zip(positional, args, strict=False):
                if name in given:
                    raise TypeError(f"{cls.__name__} got two values for {name}")
                given[name] = value
        for name, value in plain.items():
            if name in given:
                value = given.pop(name)
            elif name in factories:
                value = factories[name]()
            elif value is _MISSING:
                raise TypeError(f"{cls.__name__} needs {name}")
            _set(self, name, value)
        if given:
            raise TypeError(f"{cls.__name__} has no {', '.join(given)}")

    return __init__


def _compared(self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, field.name) for field in dataclasses.fields(self) if field.compare)


def _repr(self: Any) -> str:
    fields = [field for field in dataclasses.fields(self) if field.repr]
    inside = ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in fields)
    return f"{type(self).__qualname__}({inside})"


def _eq(self: Any, other: object) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    return _compared(self) == _compared(other)


def _hash(self: Any) -> int:
    return hash(_compared(self))


def _setattr(self: Any, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _delattr(self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _setstate(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        _set(self, field.name, value)


_METHODS: Final = {
    "__repr__": _repr,
    "__eq__": _eq,
    "__hash__": _hash,
    "__setattr__": _setattr,
    "__delattr__": _delattr,
    "__getstate__": _getstate,
    "__setstate__": _setstate,
}
