"""Names that bytecode loads as globals are told from those it takes of objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from scanner.pickles.bytecode_names import loads


def index_in(function: Callable[..., Any], name: str) -> tuple[bytes, int]:
    code = function.__code__
    return code.co_code, code.co_names.index(name)


NAMES = "\n".join(f"    x.a{number}" for number in range(300))


def made(last: str) -> Callable[..., Any]:
    """A function of so many names that an index takes two bytes."""
    space: dict[str, Any] = {}
    exec(compile(f"def f(x):\n{NAMES}\n    {last}", "made", "exec"), space)
    return space["f"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: eval(x),
        lambda x: x.eval(eval),
        lambda x: map(eval, x),
        lambda x: [eval(y) for y in x] and eval,
        made("eval(x)"),
    ],
    ids=["call", "beside a method", "handed on", "nested", "far"],
)
def test_globals_are_loaded(function: Callable[..., Any]) -> None:
    assert loads(*index_in(function, "eval"), newer=True)


@pytest.mark.parametrize(
    "function",
    [lambda x: x.eval(), lambda x: x.eval, lambda x, y: x.to(y).eval().half(), made("x.eval()")],
    ids=["method", "attribute", "chain", "far"],
)
def test_attributes_are_not(function: Callable[..., Any]) -> None:
    assert not loads(*index_in(function, "eval"), newer=True)


@pytest.mark.parametrize(
    ("code", "index"),
    [
        (b"\x74\x07", 3),  # of 3.11 and 3.12, before a call
        (b"\x5b\x06", 3),  # of 3.13
        (b"\x5c\x06", 3),  # of 3.14
        (b"\x65\x03", 3),  # LOAD_NAME
        (b"\xaf\x03", 3),  # LOAD_FROM_DICT_OR_GLOBALS of 3.12
        (b"\x6c\x03", 3),  # IMPORT_NAME
        (b"\x90\x02\x74\x58", 300),
        (b"\x47\x02\x5b\x58", 300),
    ],
)
def test_each_newer_version_counts(code: bytes, index: int) -> None:
    assert loads(code, index, newer=True)
    assert not loads(code, index + 400, newer=True)
    assert not loads(b"", index, newer=True)


@pytest.mark.parametrize("code", [b"\x74\x03", b"\x65\x03", b"\x6c\x03", b"\x6d\x03"])
def test_older_versions_count_without_a_bit_for_calls(code: bytes) -> None:
    assert loads(code, 3, newer=False)
    assert not loads(code, 1, newer=False)
