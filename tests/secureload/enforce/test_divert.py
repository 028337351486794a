"""Every alias of a function is replaced, and it still looks like itself."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from secureload.enforce.divert import divert, divert_in, diverted


def greet(name: str, *, loud: bool = False) -> str:
    """Say hello."""
    return f"hello {name}" + ("!" if loud else "")


alias = greet


class Base:
    @classmethod
    def make(cls, name: str) -> str:
        return f"{cls.__name__} {name}"

    def closing(self) -> str:
        return super().__repr__()[:1]


class Child(Base):
    pass


def doubling(original: Any) -> Any:
    return lambda *args, **options: original(*args, **options) * 2


def test_every_alias_is_replaced_and_the_original_stays_usable() -> None:
    assert divert(greet, doubling)

    assert alias("you", loud=True) == "hello you!hello you!"
    assert diverted(greet)
    assert str(inspect.signature(greet)) == "(name: 'str', *, loud: 'bool' = False) -> 'str'"


def test_a_second_replacement_changes_nothing() -> None:
    def once() -> str:
        return "a"

    module: dict[str, Any] = once.__globals__
    assert divert(once, doubling)
    assert divert(once, doubling)
    assert once() == "aa"
    assert any(name.startswith("__secureload_once") for name in module)


def test_class_methods_are_replaced_for_subclasses_too() -> None:
    bound_early = Child.make
    divert_in(Base, "make", doubling)

    assert bound_early("x") == "Child xChild x"


def test_what_closes_over_variables_is_replaced_where_it_is_looked_up() -> None:
    assert not divert(Base.closing, doubling)
    divert_in(Base, "closing", doubling)

    assert Child().closing() == "<<"


def test_a_name_that_is_not_there_is_an_error() -> None:
    with pytest.raises(AttributeError):
        divert_in(Base, "nothing", doubling)
