"""The index of a TensorFlow checkpoint is read; what is damaged is an error."""

from __future__ import annotations

import pytest

from tests.builders.wire import number, place, table
from tests.scanner.told import ERROR, assert_clean, tell

INDEX = table({b"": number(1, 1), b"w": place(0, 16)})


def test_an_index_is_clean() -> None:
    assert_clean(INDEX, "tf-checkpoint", "model.index")


@pytest.mark.parametrize("at", [2, len(INDEX) - 46, len(INDEX) - 45])
def test_a_damaged_index_is_an_error(at: int) -> None:
    damaged = bytearray(INDEX)
    damaged[at] = 0x7F

    assert tell(bytes(damaged), "model.index").verdict is ERROR
