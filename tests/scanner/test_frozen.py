"""Our frozen dataclasses behave as those of `dataclasses`."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import field
from typing import Any

import pytest

from scanner import frozen


def both(**options: bool) -> tuple[Any, Any]:
    """One class made by the standard library, one by ours."""

    def make(decorator: Any, field: Any) -> Any:
        @decorator(frozen=True, **options)
        class Thing:
            """A thing."""

            name: str
            size: int = 0
            secret: str = field(default="", repr=False, compare=False)
            parts: list[int] = field(default_factory=list)

        return Thing

    return make(dataclasses.dataclass, dataclasses.field), make(frozen.dataclass, frozen.field)


@frozen.dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    where: str
    count: int = 1


@frozen.dataclass(frozen=True, kw_only=True, slots=True)
class Derived(Base):
    what: tuple[int, ...] = ()


@pytest.mark.parametrize("kw_only", [True, False])
@pytest.mark.parametrize("slots", [True, False])
def test_the_same_as_the_standard_library(kw_only: bool, slots: bool) -> None:
    theirs, ours = both(kw_only=kw_only, slots=slots)
    for given in ({"name": "a"}, {"name": "a", "size": 3, "secret": "s", "parts": [1]}):
        one, other = theirs(**given), ours(**given)
        assert repr(one) == repr(other)
        assert "s" not in repr(other).replace("size", "").replace("parts", "").partition("(")[2]
        assert dataclasses.asdict(one) == dataclasses.asdict(other)
        assert other == ours(**{**given, "secret": "else"})
        assert other != ours(**{**given, "name": "b"})
        assert other != one
        assert dataclasses.replace(other, size=9) == ours(**{**given, "size": 9})
    assert [f.name for f in dataclasses.fields(ours)] == [
        f.name for f in dataclasses.fields(theirs)
    ]
    assert ours(name="a").parts is not ours(name="a").parts
    assert hasattr(ours(name="a"), "__dict__") != slots


@pytest.mark.parametrize(
    ("args", "given"),
    [((), {}), ((), {"name": "a", "no": 1}), (("a",), {}), ((1, 2, 3, [], 5), {})],
)
def test_wrong_arguments_are_refused_by_both(args: tuple[Any, ...], given: dict[str, Any]) -> None:
    for thing in both(kw_only=True, slots=True):
        with pytest.raises(TypeError):
            thing(*args, **given)


def test_positional_arguments_where_they_are_allowed() -> None:
    for thing in both():
        assert thing("a", 2) == thing(name="a", size=2)
        for wrong in [("a", 1, "", [], 5), ()]:
            with pytest.raises(TypeError):
                thing(*wrong)
        with pytest.raises(TypeError):
            thing("a", name="b")


def test_nothing_can_be_changed() -> None:
    one = Derived(where="here")
    for change in (lambda: setattr(one, "where", "x"), lambda: delattr(one, "where")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            change()
    assert not hasattr(one, "__dict__")


def test_inheriting_hashing_copying_and_pickling() -> None:
    one = Derived(where="here", what=(1, 2))
    assert one != Base(where="here")
    assert hash(one) == hash(Derived(where="here", what=(1, 2)))
    assert copy.deepcopy(one) == copy.copy(one) == one
    for protocol in range(2, 6):
        assert pickle.loads(pickle.dumps(one, protocol)) == one


@pytest.mark.parametrize("slots", [True, False])
def test_fields_of_the_standard_library_count_as_well(slots: bool) -> None:
    @frozen.dataclass(frozen=True, slots=slots)
    class Thing:
        parts: list[int] = field(default_factory=list)
        secret: str = field(default="s", repr=False, compare=False)

    assert repr(Thing()).endswith("Thing(parts=[])")
    assert Thing(secret="t") == Thing()  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="default_factory"):

        @frozen.dataclass(frozen=True, slots=slots)
        class Shared:
            parts: list[int] = []  # noqa: RUF012


def test_the_standard_library_knows_them() -> None:
    assert dataclasses.is_dataclass(Derived)
    assert [one.type for one in dataclasses.fields(Derived)] == ["str", "int", "tuple[int, ...]"]
    assert frozen.replace(Derived(where="a"), count=2) == Derived(where="a", count=2)


def test_what_it_does_not_do_is_refused() -> None:
    with pytest.raises(TypeError):
        frozen.dataclass(frozen=False)
    with pytest.raises(TypeError):
        frozen.dataclass(frozen=True, order=True)

    class Counted:
        """With a field that `__init__` does not take."""

        size: int = field(default=0, init=False)

    with pytest.raises(TypeError, match="init"):
        frozen.dataclass(frozen=True)(Counted)
