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


def text_node(name: str, op: str, *inputs: str, value: str | None = None) -> str:
    given = "".join(f'  input: "{one}"\n' for one in inputs)
    const = f'  attr {{\n    key: "value"\n    value {{\n      tensor {{\n        dtype: DT_STRING\n        tensor_shape {{\n        }}\n        string_val: "{value}"\n      }}\n    }}\n  }}\n'  # noqa: E501
    return f'{{\n  name: "{name}"\n  op: "{op}"\n{given}{const if value is not None else ""}}}\n'


def saver(
    *, path: str = "save/filename", default: str = "model", suffix: str = "part", more: str = ""
) -> bytes:
    nodes = [
        text_node("save/filename/input", "Const", value=default),
        text_node("save/filename", "PlaceholderWithDefault", "save/filename/input"),
        text_node("fixed", "Const", value="/etc/cron.d/x"),
        text_node("save/Const", "PlaceholderWithDefault", path),
        text_node("save/suffix", "Const", value=suffix),
        text_node("save/StringJoin", "StringJoin", "save/Const", "save/suffix"),
        text_node("save/ShardedFilename", "ShardedFilename", "save/StringJoin", "a", "b"),
        text_node("save/SaveV2", "SaveV2", "save/ShardedFilename", "names", "slices"),
    ]
    return (more + "".join("node " + one for one in nodes)).encode()


def function(path: str, name: str) -> bytes:
    nodes = text_node(name, "Const", value="/etc/x") + "node_def " + text_node("n", "SaveV2", path)
    signature = 'signature {\n name: "__inference__traced_save_1"\n}\n'
    return f"library {{\nfunction {{\n{signature}node_def {nodes}}}\n}}\n".encode()


def test_an_ordinary_saver_is_clean() -> None:
    assert_clean(saver(), "tensorflow-text", "graph.pbtxt")
    inside = b"meta_graphs {\n  graph_def {\n" + saver(suffix="_temp_0af/part") + b"  }\n}\n"
    assert_clean(inside, "tensorflow-text", "saved_model.pbtxt")
    assert_clean(saver(more="versions { producer: 9 }\n"), "tensorflow-text", "graph.pbtxt")
    assert_clean(function("prefix", "c"), "tensorflow-text", "graph.pbtxt")


@pytest.mark.parametrize(
    "text",
    [
        saver(path="fixed"),
        saver(default="/etc/cron.d/x"),
        saver(suffix="/../../x"),
        saver(more="# a comment\n"),
        saver(more="shape: [1, 2]\n"),
        saver() + b"node {",
        saver() + b"}",
        saver(more='node { name: "serving" op: "SaveV2" input: "save/Const" }\n'),
        saver(more='other { op: "SaveV2" }\n'),
        function("c", "c"),
        function("c", r"\u0063"),
        function("c", r"\143"),
    ],
    ids=["constant", "default", "suffix", "comment", "list", "open", "closed", "elsewhere",
         "elsewhere in the text", "function", "escape", "octal"],
)  # fmt: skip
def test_a_saver_that_is_not_told_or_not_plainly_read_is_not(text: bytes) -> None:
    assert tell(text, "graph.pbtxt").verdict is MALICIOUS
