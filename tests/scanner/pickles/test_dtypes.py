"""States of dtypes and arrays: what numpy writes is harmless, what it would trust is not."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from scanner import FileVerdict, scan_bytes
from tests.builders.gadgets import Build, call, glob, pickled

DTYPES = [
    "f8", ">f4", "?", "O", "U10", "U0", "S5", "S0", "V8", "M8[D]", "m8", "g",
    [("a", "O"), ("b", "f8")], [("a", "f4", (2, 3))], [("a", [("x", "O")])],
    [(("title", "a"), "f8")], [("a", "U3"), ("b", "V5")],
    {"names": ["a"], "formats": ["f8"], "offsets": [8], "itemsize": 32},
    (np.record, [("a", "f4")]),
]  # fmt: skip


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("number", range(len(DTYPES)))
def test_what_numpy_writes_is_clean(number: int, protocol: int) -> None:
    array = np.zeros((2, 3), np.dtype(DTYPES[number]))  # type: ignore[arg-type]
    data = pickle.dumps([array, array.T, array[:0], array.dtype], protocol)

    assert scan_bytes(data, name="a.pkl").verdict is FileVerdict.CLEAN


@pytest.mark.parametrize("protocol", [2, 4])
def test_masked_arrays_and_records_are_clean(protocol: int) -> None:
    masked = np.ma.array([1.0, 2.0], mask=[True, False])
    records = np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
    data = pickle.dumps([masked, records, np.matrix([[1, 2]])], protocol)

    assert scan_bytes(data, name="a.pkl").verdict is FileVerdict.CLEAN


def dtype(name: str = "V8", *state: Any, copied: bool = True) -> Any:
    return Build(call("numpy:dtype", name, False, copied), (3, "|", *state))


def array(of: Any, shape: Any = (1,), data: Any = bytes(8)) -> Any:
    empty = call("numpy._core.multiarray:_reconstruct", glob("numpy:ndarray"), (0,), b"b")
    return Build(empty, (1, shape, of, False, data))


OBJECT = call("numpy:dtype", "O8", False, True)
DOUBLE = call("numpy:dtype", "f8", False, True)
HOSTILE = {
    "an object that the flags deny": dtype("V8", None, ("a",), {"a": (OBJECT, 0)}, 8, 1, 0),
    "an object in a part that the flags deny": dtype("V8", (OBJECT, (1,)), None, None, 8, 1, 0),
    "the type of objects without its flags": dtype("O8", None, None, None, -1, -1, 0),
    "numbers with the flags of objects": dtype("f8", None, None, None, -1, -1, 63),
    "a field before its element": dtype("V8", None, ("a",), {"a": (DOUBLE, -8)}, 8, 1, 16),
    "a field behind its element": dtype("V8", None, ("a",), {"a": (DOUBLE, 8)}, 8, 1, 16),
    "a part larger than its element": dtype("V8", (DOUBLE, (2,)), None, None, 8, 1, 0),
    "an element larger than its name says": dtype("V8", None, None, None, 80, 1, 0),
    "numpy's own type": dtype("O8", None, None, None, -1, -1, 63, copied=False),
    "a state of another version": Build(call("numpy:dtype", "V8", False, True), (9,)),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_type_that_numpy_would_trust_is_not_clean(name: str) -> None:
    result = scan_bytes(pickled(array(HOSTILE[name])), name="a.pkl")

    assert "sets-state" in {one.rule for one in result.findings}


def test_a_second_state_is_not_clean() -> None:
    first = dtype("V8", None, ("a",), {"a": (OBJECT, 0)}, 8, 1, 27)
    second = Build(first, (3, "|", None, None, None, 8, 1, 0))

    assert scan_bytes(pickled(array(second)), name="a.pkl").verdict is not FileVerdict.CLEAN


@pytest.mark.parametrize(
    ("of", "shape", "data"),
    [
        (OBJECT, (9,), [1]),
        (OBJECT, (1,), bytes(8)),
        (DOUBLE, (2,), bytes(8)),
        (DOUBLE, (-1,), bytes(8)),
        (DOUBLE, 1, bytes(8)),
        (None, (1,), bytes(8)),
    ],
    ids=["short list", "bytes for objects", "too few bytes", "negative", "no tuple", "no type"],
)
def test_an_array_that_does_not_fill_its_shape_is_not_clean(of: Any, shape: Any, data: Any) -> None:
    result = scan_bytes(pickled(array(of, shape, data)), name="a.pkl")

    assert result.verdict is not FileVerdict.CLEAN
