"""Calls of array libraries are clean with what their writers write, and with no others."""

from __future__ import annotations

import pytest

from scanner.pickles.machine import interpret
from tests.builders import pickles as p

DOUBLE = p.call("numpy", "dtype", p.text("f8"), p.FALSE, p.TRUE)
EMPTY = p.integer(0) + p.TUPLE1
EIGHT = p.call("_codecs", "encode", p.text("x" * 8), p.text("latin1"))


def wrapper(subclass: bytes) -> bytes:
    """Joblib's wrapper of an array, up to its class."""
    made = p.glob("joblib.numpy_pickle", "NumpyArrayWrapper") + p.EMPTY_TUPLE + p.NEWOBJ
    return made + p.EMPTY_DICT + p.text("subclass") + subclass + p.SETITEM + p.BUILD


HARMLESS = {
    "a dtype": DOUBLE,
    "an element": p.call("numpy.core.multiarray", "scalar", DOUBLE, EIGHT),
    "an empty array": p.call(
        "numpy.core.multiarray", "_reconstruct", p.glob("numpy", "ndarray"), EMPTY, p.text("b")
    ),
    "an array over bytes": p.call(
        "numpy.core.numeric", "_frombuffer", EIGHT, DOUBLE, p.integer(1) + p.TUPLE1, p.text("C")
    ),
    "a generator": p.call("numpy.random._pickle", "__generator_ctor", p.text("PCG64")),
    "a buffer": p.call("pyarrow.lib", "py_buffer", EIGHT),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_array_libraries_write_is_clean(name: str) -> None:
    assert interpret(p.program(HARMLESS[name])).clean


HOSTILE = {
    "a dtype that names code": p.call("numpy", "dtype", p.text("f8, (2)O, __import__")),
    "an element of no type": p.call("numpy.core.multiarray", "scalar", p.text("f8"), EIGHT),
    "an array of another class": p.call(
        "numpy.core.multiarray", "_reconstruct", p.glob("builtins", "list"), EMPTY, p.text("b")
    ),
    "an array that is not empty": p.call(
        "numpy.core.multiarray", "_reconstruct", p.glob("numpy", "ndarray"),
        p.integer(2**40) + p.TUPLE1, p.text("b"),
    ),
    "an array over an address": p.call(
        "numpy.core.numeric", "_frombuffer", p.integer(4096), DOUBLE,
        p.integer(1) + p.TUPLE1, p.text("C"),
    ),
    "a generator by a computed name": p.call(
        "numpy.random._pickle", "__generator_ctor", p.text("PCG64.__init__")
    ),
    "a buffer at an address": p.call("pyarrow.lib", "py_buffer", p.integer(4096)),
    "a wrapper of another class": wrapper(p.glob("builtins", "getattr")),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_permitted_name_with_other_arguments_is_not_clean(name: str) -> None:
    assert not interpret(p.program(HOSTILE[name])).clean
