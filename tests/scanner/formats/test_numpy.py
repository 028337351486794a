"""numpy: object arrays are pickles, headers that lie are told."""

from __future__ import annotations

import io

import numpy as np
import pytest

from tests.scanner.told import ERROR, MALICIOUS, SHELL, SUSPICIOUS, assert_clean, tell


def saved(array: object) -> bytes:
    held = io.BytesIO()
    np.save(held, np.asarray(array))
    return held.getvalue()


def header(descr: str, shape: str, data: bytes) -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


@pytest.mark.parametrize("array", [[1, 2], [1.5], ["ab"], [[True]], [b"x"], [1j]])
def test_plain_arrays_are_clean(array: object) -> None:
    assert_clean(saved(array), "numpy")


def test_structured_arrays_are_clean() -> None:
    assert_clean(saved(np.zeros(3, dtype=[("a", "f4"), ("b", "i8", (2,))])), "numpy")


def test_an_object_array_is_a_pickle() -> None:
    assert tell(header("'|O'", "(1,)", SHELL)).verdict is MALICIOUS
    assert tell(header("[('a', '|O')]", "(1,)", SHELL)).verdict is MALICIOUS


def test_a_pickle_behind_a_lying_header_is_found() -> None:
    assert tell(header("'<f8'", "(0,)", SHELL)).verdict is MALICIOUS
    assert tell(saved([1]) + b"\1\2\3").verdict is SUSPICIOUS


@pytest.mark.parametrize("data", [header("'<f8'", "(9,)", b""), header("eval('1')", "(1,)", b""),
                                  header("'<f8'", "(-1,)", b""), b"\x93NUMPY\x01"])  # fmt: skip
def test_damage_is_an_error(data: bytes) -> None:
    assert tell(data).verdict is ERROR
