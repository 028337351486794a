"""A permitted name is clean with harmless arguments alone."""

from __future__ import annotations

import pytest

from scanner.pickles.machine import interpret
from tests.builders import pickles as p

HARMLESS = [
    p.call("datetime", "date", p.integer(2020), p.integer(1), p.integer(1)),
    p.call("_codecs", "encode", p.text("x"), p.text("latin1")),
    p.call("builtins", "getattr", p.glob("transformers.training_args", "OptimizerNames"),
           p.text("ADAMW")),
    p.call("copyreg", "_reconstructor", p.glob("argparse", "Namespace"),
           p.glob("builtins", "object"), p.NONE),
    p.call("collections", "defaultdict", p.glob("builtins", "list")),
]  # fmt: skip


@pytest.mark.parametrize("part", HARMLESS, ids=str)
def test_reviewed_calls_are_clean(part: bytes) -> None:
    assert interpret(p.program(part)).clean


HOSTILE = [
    p.call("_codecs", "encode", p.text("x"), p.text("rot13")),
    p.call("builtins", "getattr", p.glob("transformers.training_args", "OptimizerNames"),
           p.text("__class__")),
    p.call("copyreg", "_reconstructor", p.glob("numpy", "mean"), p.glob("builtins", "object"),
           p.NONE),
    p.call("copyreg", "__newobj__", p.glob("builtins", "getattr"), p.NONE),
    p.call("collections", "defaultdict", p.glob("builtins", "getattr")),
    p.call("builtins", "list", p.call("builtins", "range", p.integer(2**40))),
    p.call("builtins", "bytes", p.integer(2**40)),
    p.call("pathlib", "PosixPath", p.NONE),
    p.call("sklearn.neighbors._kd_tree", "newObj", p.glob("builtins", "list")),
]  # fmt: skip


@pytest.mark.parametrize("part", HOSTILE, ids=str)
def test_a_permitted_name_with_a_hostile_argument_is_not_clean(part: bytes) -> None:
    assert not interpret(p.program(part)).clean
