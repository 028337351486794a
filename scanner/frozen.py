"""`dataclass` for frozen classes, as in `dataclasses`, at a tenth of what a definition costs.

`dataclasses` writes and compiles six functions for each class, some half a millisecond, and
imports `inspect`: for the classes of a scan more than the scan. Here all classes share their
functions, and `dataclasses` is imported when somebody asks it about one of them. Its `fields`,
`replace`, `asdict` and pickling work as ever; type checkers see the originals.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import replace as replace
else:

    def dataclass(
        *, frozen: bool, kw_only: bool = False, slots: bool = False
    ) -> Callable[[type], type]:
        """Make a class a frozen dataclass; takes no options but these."""
        if not frozen:
            raise TypeError("this dataclass is for frozen classes")

        def made(cls: type) -> type:
            own = dict(_own_fields(cls, kw_only))
            if hasattr(cls, "__post_init__"):
                raise TypeError("__post_init__ is not for this dataclass")
            inherited: dict[str, _Field] = {}
            for base in cls.__mro__[:0:-1]:
                inherited |= vars(base).get("__frozen_fields__", {})
            fields = inherited | own
            positional = tuple(name for name, one in fields.items() if not one.kw_only)
            added = {name: method for name, method in _METHODS.items() if name not in vars(cls)}
            added |= {
                "__frozen_fields__": fields,
                "__match_args__": positional,
                "__init__": _init_of(cls.__name__, fields, positional),
                "__dataclass_fields__": _Standard("__dataclass_fields__", fields),
                "__dataclass_params__": _Standard("__dataclass_params__", fields),
            }
            if slots:
                return _with_slots(cls, own, inherited, added)
            for name, one in own.items():
                if one.default is not _MISSING:
                    added[name] = one.default
                elif name in vars(cls):
                    delattr(cls, name)
            for name, value in added.items():
                setattr(cls, name, value)
            return cls

        return made

    def field(**options: Any) -> Any:
        """A field with a `default` or a `default_factory`, or one left out of something."""
        return _Field(**options)

    def replace(one: Any, **changes: Any) -> Any:
        """A copy with other values in some fields."""
        return type(one)(**{name: getattr(one, name) for name in one.__frozen_fields__} | changes)


_set: Final = object.__setattr__
_MISSING: Final = object()


class _Field:
    """What a class says of one of its fields."""

    __slots__ = ("annotation", "compare", "default", "default_factory", "kw_only", "repr")

    def __init__(
        self,
        *,
        default: Any = _MISSING,
        default_factory: Any = _MISSING,
        repr: bool = True,  # noqa: A002  as in `dataclasses`
        compare: bool = True,
    ) -> None:
        self.default = default
        self.default_factory = default_factory
        self.repr = repr
        self.compare = compare
        self.annotation: Any = None
        self.kw_only = False

    @property
    def required(self) -> bool:
        """Whether there is neither a default nor what makes one."""
        return self.default is _MISSING and self.default_factory is _MISSING

    def standard(self) -> Any:
        """The same as a field of `dataclasses`."""
        import dataclasses

        given = {"default": self.default, "default_factory": self.default_factory}
        given = {name: value for name, value in given.items() if value is not _MISSING}
        return dataclasses.field(
            **given, repr=self.repr, compare=self.compare, kw_only=self.kw_only
        )


def _with_slots(
    cls: type, own: dict[str, _Field], inherited: dict[str, _Field], added: dict[str, Any]
) -> type:
    """The class made anew: slots can only be given to one that is being made."""
    left_out = {*own, "__dict__", "__weakref__"}
    body = {name: value for name, value in vars(cls).items() if name not in left_out}
    body["__slots__"] = tuple(name for name in own if name not in inherited)
    made = type(cls)(cls.__name__, cls.__bases__, body | added)
    made.__qualname__ = cls.__qualname__
    return made


def _own_fields(cls: type, kw_only: bool) -> Iterator[tuple[str, _Field]]:
    for name, annotation in vars(cls).get("__annotations__", {}).items():
        if str(annotation).startswith(("ClassVar", "typing.ClassVar")):
            continue
        given = vars(cls).get(name, _MISSING)
        one = given if isinstance(given, _Field) else _from_standard(given)
        if one.default is not _MISSING and type(one.default).__hash__ is None:
            raise ValueError(f"{name}: a default that can change; use default_factory")
        one.annotation = annotation
        one.kw_only = kw_only
        yield name, one


def _from_standard(given: Any) -> _Field:
    known = sys.modules.get("dataclasses")
    if known is None or not isinstance(given, known.Field):
        return _Field(default=given)
    if not given.init:
        raise TypeError("fields without init are not for this dataclass")
    parts = {"default": given.default, "default_factory": given.default_factory}
    parts = {name: value for name, value in parts.items() if value is not known.MISSING}
    return _Field(**parts, repr=given.repr, compare=given.compare)


class _Standard:
    """What `dataclasses` keeps in an attribute of a class, made when it is asked for."""

    def __init__(self, name: str, fields: dict[str, _Field]) -> None:
        self._name = name
        self._fields = fields

    def __get__(self, _one: object, owner: type) -> Any:
        import dataclasses

        body: dict[str, Any] = {name: one.standard() for name, one in self._fields.items()}
        body["__annotations__"] = {name: one.annotation for name, one in self._fields.items()}
        body["__module__"] = owner.__module__
        bare = type(owner.__name__, (), body)
        twin: type = dataclasses.dataclass(init=False, repr=False, eq=False)(bare)
        for known in owner.__mro__:
            if vars(known).get(self._name) is self:
                setattr(known, self._name, getattr(twin, self._name))
        return getattr(twin, self._name)


def _init_of(
    owner: str, fields: dict[str, _Field], positional: tuple[str, ...]
) -> Callable[..., None]:
    plain = {name: one.default for name, one in fields.items()}
    factories = {
        name: one.default_factory
        for name, one in fields.items()
        if one.default_factory is not _MISSING
    }

    def __init__(self: Any, *args: Any, **given: Any) -> None:  # noqa: N807
        if args:
            if len(args) > len(positional):
                raise TypeError(f"{owner} takes {len(positional)} positional arguments")
            for name, value in zip(positional, args, strict=False):
                if name in given:
                    raise TypeError(f"{owner} got two values for {name}")
                given[name] = value
        for name, value in plain.items():
            if name in given:
                value = given.pop(name)
            elif name in factories:
                value = factories[name]()
            elif value is _MISSING:
                raise TypeError(f"{owner} needs {name}")
            _set(self, name, value)
        if given:
            raise TypeError(f"{owner} has no {', '.join(given)}")

    return __init__


def _compared(self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, name) for name, one in self.__frozen_fields__.items() if one.compare)


def _repr(self: Any) -> str:
    shown = (name for name, one in self.__frozen_fields__.items() if one.repr)
    inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
    return f"{type(self).__qualname__}({inside})"


def _eq(self: Any, other: object) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    return _compared(self) == _compared(other)


def _hash(self: Any) -> int:
    return hash(_compared(self))


def _setattr(self: Any, name: str, value: object) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _delattr(self: Any, name: str) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, name) for name in self.__frozen_fields__]


def _setstate(self: Any, state: list[Any]) -> None:
    for name, value in zip(self.__frozen_fields__, state, strict=True):
        _set(self, name, value)


_METHODS: Final = {
    "__repr__": _repr,
    "__eq__": _eq,
    "__hash__": _hash,
    "__setattr__": _setattr,
    "__delattr__": _delattr,
    "__getstate__": _getstate,
    "__setstate__": _setstate,
}
