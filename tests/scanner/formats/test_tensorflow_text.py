"""Graphs as text: operations are found however their names are spelled."""

from __future__ import annotations

import pytest

from tests.scanner.told import MALICIOUS, SUSPICIOUS, assert_clean, tell

NODE = 'node {{\n  name: "x"\n  op: {}\n}}\n'


def graph(*operations: str) -> bytes:
    return "".join(map(NODE.format, operations)).encode()


def test_ordinary_operations_are_clean() -> None:
    assert_clean(graph('"MatMul"', "'Const'"), "tensorflow-text", "graph.pbtxt")


@pytest.mark.parametrize("spelling", ['"PyFunc"', "'ReadFile'", r'"Write\106ile"', r'"Py\x46unc"',
                                      '"Py" "Func"', '"Py"\n"Func"'])  # fmt: skip
def test_dangerous_operations_are_found(spelling: str) -> None:
    assert tell(graph('"Const"', spelling), "graph.pbtxt").verdict is MALICIOUS


def test_operations_that_nobody_reviewed_are_doubted() -> None:
    assert tell(graph('"Const"', '"NobodyKnowsThis"'), "graph.pbtxt").verdict is SUSPICIOUS


def test_functions_of_the_graph_are_operations_too() -> None:
    library = b'library {\n  function {\n    signature {\n      name: "mine"\n    }\n  }\n}\n'
    assert_clean(graph('"mine"') + library, "tensorflow-text", "graph.pbtxt")
