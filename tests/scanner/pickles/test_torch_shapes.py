"""Torch's calls are clean with the arguments that torch writes, and with no others."""

from __future__ import annotations

import pytest

from scanner.pickles.machine import interpret
from tests.builders import pickles as p


def tensor(**changed: bytes) -> bytes:
    storage = p.MARK + p.text("storage") + p.glob("torch", "FloatStorage") + p.text("0")
    storage += p.text("cpu") + p.integer(4) + p.TUPLE + p.BINPERSID
    ones = p.integer(1) + p.TUPLE1
    parts: dict[str, bytes] = {
        "storage": storage, "offset": p.integer(0), "size": ones, "stride": ones,
        "grad": p.FALSE, "hooks": p.glob("collections", "OrderedDict") + p.EMPTY_TUPLE + p.REDUCE,
    }  # fmt: skip
    return p.program(p.call("torch._utils", "_rebuild_tensor_v2", *(parts | changed).values()))


def test_the_grammar_of_a_tensor() -> None:
    assert interpret(tensor(), persistent_ids="torch").clean


@pytest.mark.parametrize(
    "changed",
    [
        {"storage": p.text("x")},
        {"offset": p.text("0")},
        {"size": p.text("1")},
        {"stride": p.MARK + p.NONE + p.LIST},
        {"grad": p.text("x")},
        {"hooks": p.glob("collections", "OrderedDict")},
        {"hooks": p.EMPTY_DICT + p.integer(0) + p.glob("numpy", "mean") + p.SETITEM},
    ],
    ids=str,
)
def test_a_tensor_with_other_arguments_is_not_clean(changed: dict[str, bytes]) -> None:
    assert not interpret(tensor(**changed), persistent_ids="torch").clean
