"""The program that a pickle is, in lines that people can read."""

from __future__ import annotations

import pickle
from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.pickles.explain import program
from tests.builders import pickles as p


def test_every_step_has_our_verdict_and_its_place() -> None:
    data = p.program(
        p.call("os", "system", p.text("true")), p.POP, p.call("collections", "OrderedDict")
    )
    lines = list(program(data))
    assert [line.text for line in lines] == [
        "from os import system",
        "_1 = system('true')",
        "from collections import OrderedDict",
        "_2 = OrderedDict()",
        "return _2",
    ]
    assert [line.objection is None for line in lines] == [False, False, True, True, True]
    assert "NOT ALLOWED" in str(lines[1])
    assert lines[1].offset == data.index(b"R")


def test_changes_and_trouble_are_steps_too() -> None:
    data = pickle.dumps(OrderedDict(a=1))[:-1]
    texts = [line.text for line in program(data)]
    assert "_1.update({'a': 1})" in texts
    assert texts[-1] == "raise UnpicklingError"


def test_names_cannot_pass_for_code() -> None:
    (line, *_) = program(p.program(p.stack_global("os\nimport evil", "x")))
    assert "\n" not in line.text
    assert line.text == "from 'os\\nimport evil' import x"


def test_shared_values_are_not_unfolded() -> None:
    data = p.program(p.EMPTY_TUPLE, (p.DUP + p.TUPLE2) * 100)
    (line,) = program(data)
    assert len(line.text) < 500


def test_a_long_program_is_cut_but_what_is_not_allowed_is_shown() -> None:
    data = p.program(p.call("builtins", "list") * 50, p.call("os", "system"))
    lines = list(program(data, most=10))
    assert any("more steps" in line.text for line in lines)
    assert any("system()" in line.text for line in lines)


@given(st.binary(max_size=200))
def test_any_bytes_can_be_explained(data: bytes) -> None:
    for line in program(data):
        assert "\n" not in str(line)


@pytest.mark.parametrize("protocol", range(6))
def test_plain_data_is_one_line(protocol: int) -> None:
    (line,) = program(pickle.dumps([1, "a", (None, True)], protocol))
    assert line.text == "return [1, 'a', (None, True)]"
