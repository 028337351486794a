"""Predicates say yes to what is provably so, and no to everything else."""

from __future__ import annotations

import pytest

from scanner.pickles.predicates import is_int, is_ints, is_made_by, is_plain, is_scalar, is_text
from scanner.pickles.values import (
    Call,
    DictValue,
    Global,
    ListValue,
    SetValue,
    Span,
    Unknown,
    Value,
)

SIZE = Call(Global("torch", "Size"), ((2, 3),), opcode="REDUCE", offset=0)
OTHER = Call(Global("os", "system"), ((2, 3),), opcode="REDUCE", offset=0)
HIDDEN = Unknown("nothing says", 0)


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "a", b"a", Span("int", 0, 9)], ids=repr)
def test_scalars_are_plain(value: Value) -> None:
    assert is_scalar(value)
    assert is_plain(value)


@pytest.mark.parametrize("value", [SIZE, OTHER, HIDDEN, Global("os", "system")], ids=repr)
def test_what_is_called_named_or_hidden_is_not_plain(value: Value) -> None:
    assert not is_scalar(value)
    for held in (value, (value,), ListValue([value]), DictValue(["a", value]),
                 SetValue([value], frozen=True)):  # fmt: skip
        assert not is_plain(held)


def test_containers_of_plain_data_are_plain_even_where_they_hold_themselves() -> None:
    loop = ListValue([1, SetValue(["a"], frozen=False)])
    loop.append(DictValue(["self", loop]))
    assert is_plain(loop)


def test_nesting_past_the_limit_is_not_plain() -> None:
    deep: Value = ()
    for _ in range(10):
        deep = (deep,)
    assert is_plain(deep, deepest=10)
    assert not is_plain(deep, deepest=9)


def test_a_bool_is_no_int() -> None:
    assert is_int(2**70)
    assert not is_int(True)
    assert not is_ints((1, True))


def test_a_size_is_integers_and_no_other_call_is() -> None:
    assert is_ints((2, 3))
    assert is_ints(ListValue([2, 3]))
    assert is_ints(SIZE)
    assert not is_ints(OTHER)
    assert not is_ints(7)


def test_text_is_text_of_any_length_and_no_number() -> None:
    assert all(map(is_text, ["a", b"a", Span("bytearray", 0, 9)]))
    assert not any(map(is_text, [None, 1, Span("int", 0, 9), HIDDEN]))


def test_a_call_is_known_by_the_full_name_of_what_it_calls() -> None:
    assert is_made_by(SIZE, "torch.device", "torch.Size")
    assert not is_made_by(SIZE, "Size", "torch")
    assert not is_made_by(Global("torch", "Size"), "torch.Size")
    assert not is_made_by(Call(SIZE, (), opcode="REDUCE", offset=0), "torch.Size")
