"""TensorFlow graphs: operations that run Python or touch files are found at any depth."""

from __future__ import annotations

import pytest

from tests.builders.wire import chunk, number
from tests.scanner.told import MALICIOUS, assert_clean, tell


def node(op: str) -> bytes:
    return chunk(1, "name") + chunk(2, op)


def saved(graph: bytes) -> bytes:
    return number(1, 1) + chunk(2, chunk(1, b"") + chunk(2, graph))


def test_ordinary_operations_are_clean() -> None:
    graph = chunk(1, node("MatMul")) + chunk(1, node("SaveV2"))
    assert_clean(saved(graph), "tensorflow", "saved_model.pb")


@pytest.mark.parametrize("op", ["PyFunc", "ReadFile", "WriteFile", "EagerPyFunc", "MatchingFiles"])
def test_dangerous_operations_are_found(op: str) -> None:
    function = chunk(1, chunk(1, chunk(1, "f")) + chunk(3, node(op)))
    assert tell(saved(chunk(1, node(op)))).verdict is MALICIOUS
    assert tell(saved(chunk(2, function))).verdict is MALICIOUS
    assert tell(chunk(1, node("Const")) + chunk(1, node(op))).verdict is MALICIOUS
