"""Joblib's raw arrays are stepped over, and what follows them is read."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from scanner.facts import ImportFact, ProblemFact
from scanner.pickles.machine import interpret
from tests.builders import pickles as p


def wrapper(shape: tuple[int, ...], dtype: np.dtype, aligned: bool = True) -> bytes:
    """Return the opcodes that joblib writes before an array, up to and with BUILD."""
    shown = pickle.dumps(dtype, 2)[2:-1]
    alignment = p.text("numpy_array_alignment_bytes") + (p.integer(16) if aligned else p.NONE)
    return (
        p.glob("joblib.numpy_pickle", "NumpyArrayWrapper") + p.EMPTY_TUPLE + p.NEWOBJ
        + p.EMPTY_DICT + p.MARK
        + p.text("subclass") + p.glob("numpy", "ndarray")
        + p.text("shape") + p.MARK + b"".join(map(p.integer, shape)) + p.TUPLE
        + p.text("order") + p.text("C")
        + p.text("dtype") + shown
        + p.text("allow_mmap") + p.TRUE
        + alignment
        + p.SETITEMS + p.BUILD
    )  # fmt: skip


@pytest.mark.parametrize("dtype", ["f4", "i8", "U3", "S5", "M8[D]", "?", "c16"])
def test_arrays_of_numbers_and_text(dtype: str) -> None:
    array = np.zeros((2, 3), dtype=dtype)
    data = p.program(wrapper(array.shape, array.dtype), b"\x02\xff\xff", array.tobytes())
    assert interpret(data).clean


def test_structured_arrays() -> None:
    array = np.zeros(3, dtype=[("a", "f4"), ("b", "i8")])
    data = p.program(wrapper(array.shape, array.dtype, aligned=False), array.tobytes())
    assert interpret(data).clean


def test_arrays_of_objects_are_pickles_of_their_own() -> None:
    inner = p.program(p.call("os", "system", p.text("x")))
    data = p.program(wrapper((1,), np.dtype(object)), inner, p.POP, p.glob("vendor", "After"))
    seen = {fact.dotted for fact in interpret(data).facts if isinstance(fact, ImportFact)}
    assert {"os.system", "vendor.After"} <= seen


def test_what_plain_pickle_would_read_in_the_array_is_seen_too() -> None:
    hidden = p.glob("os", "system") + p.STOP
    data = p.program(wrapper((len(hidden),), np.dtype("u1"), aligned=False), hidden)
    seen = {fact.dotted for fact in interpret(data).facts if isinstance(fact, ImportFact)}
    assert "os.system" in seen


@pytest.mark.parametrize("shape", [(2**40,), (2, 2**50)])
def test_an_array_longer_than_the_file_is_a_problem(shape: tuple[int, ...]) -> None:
    seen = interpret(p.program(wrapper(shape, np.dtype("f8"))))
    assert not seen.complete


def test_a_size_that_cannot_be_told_is_a_problem() -> None:
    data = p.program(wrapper((1,), np.dtype("f8")).replace(b"\x02f8", b"\x02zz"))
    kinds = {fact.kind for fact in interpret(data).facts if isinstance(fact, ProblemFact)}
    assert "joblib-array" in kinds or "truncated" in kinds
