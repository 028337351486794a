"""TensorFlow graphs: operations that run Python or touch files are found at any depth."""

from __future__ import annotations

import pytest

from scanner.formats._tensorflow_ops import GROUPS, REVIEWED
from scanner.formats.tensorflow import DANGEROUS
from tests.builders.wire import chunk, number
from tests.scanner.told import MALICIOUS, SUSPICIOUS, assert_clean, tell

SAVER = "__inference__traced_save_17"


def attribute(key: str, value: bytes) -> bytes:
    return chunk(5, chunk(1, key) + chunk(2, value))


def node(op: str, name: str = "name", *inputs: str, attributes: bytes = b"") -> bytes:
    given = b"".join(chunk(3, one) for one in inputs)
    return chunk(1, name) + chunk(2, op) + given + attributes


def calls(function: str) -> bytes:
    return attribute("f", chunk(10, chunk(1, function)))


def library(name: str, *nodes: bytes) -> bytes:
    body = b"".join(chunk(3, one) for one in nodes)
    return chunk(2, chunk(1, chunk(1, chunk(1, name)) + body))


def saved(graph: bytes) -> bytes:
    return number(1, 1) + chunk(2, chunk(1, b"") + chunk(2, graph))


def test_ordinary_operations_are_clean() -> None:
    graph = chunk(1, node("MatMul")) + chunk(1, node("Relu"))
    assert_clean(saved(graph), "tensorflow", "saved_model.pb")


@pytest.mark.parametrize("op", ["PyFunc", "ReadFile", "WriteFile", "EagerPyFunc", "MatchingFiles"])
def test_dangerous_operations_are_found(op: str) -> None:
    function = chunk(1, chunk(1, chunk(1, "f")) + chunk(3, node(op)))
    assert tell(saved(chunk(1, node(op)))).verdict is MALICIOUS
    assert tell(saved(chunk(2, function))).verdict is MALICIOUS
    assert tell(chunk(1, node("Const")) + chunk(1, node(op))).verdict is MALICIOUS


def test_nothing_dangerous_is_reviewed() -> None:
    assert not REVIEWED & DANGEROUS
    assert len(REVIEWED) == sum(len(names.split()) for _, names in GROUPS)


@pytest.mark.parametrize("op", ["NobodyKnowsThis", "CollectiveReduceV2", "TPUCompile", "PyFunc2"])
def test_operations_that_nobody_reviewed_are_doubted(op: str) -> None:
    assert tell(saved(chunk(1, node(op)))).verdict is SUSPICIOUS
    assert tell(saved(library("f", node(op)))).verdict is SUSPICIOUS
    assert tell(chunk(1, node("Const")) + chunk(1, node(op))).verdict is SUSPICIOUS


def test_functions_of_the_graph_are_operations_too() -> None:
    graph = chunk(1, node("my_function")) + library("my_function", node("Relu"))
    assert_clean(saved(graph), "tensorflow", "saved_model.pb")


def test_a_function_named_like_a_dangerous_operation_hides_nothing() -> None:
    graph = chunk(1, node("ReadFile")) + library("ReadFile", node("Relu"))
    assert tell(saved(graph)).verdict is MALICIOUS


@pytest.mark.parametrize("op", ["SaveV2", "MergeV2Checkpoints", "ShardedFilename"])
def test_saving_is_clean_where_the_saver_does_it(op: str) -> None:
    placeholder = chunk(1, node("Placeholder", "saver_filename"))
    call = node("StatefulPartitionedCall", "call", "saver_filename", attributes=calls(SAVER))
    graph = placeholder + chunk(1, call) + library(SAVER, node(op, "n", "prefix", "prefix"))
    assert_clean(saved(graph), "tensorflow", "saved_model.pb")


@pytest.mark.parametrize("op", ["SaveV2", "Save", "MergeV2Checkpoints"])
def test_saving_elsewhere_is_not(op: str) -> None:
    assert tell(saved(chunk(1, node(op, "serving")))).verdict is MALICIOUS
    assert tell(saved(library("__inference_f_3", node(op)))).verdict is MALICIOUS


def test_a_saver_that_another_function_calls_is_not_clean() -> None:
    call = node("PartitionedCall", "call", "saver_filename", attributes=calls(SAVER))
    graph = library("__inference_f_3", call) + library(SAVER, node("SaveV2"))
    assert tell(saved(graph)).verdict is MALICIOUS

    listed = attribute("branches", chunk(1, chunk(9, chunk(1, SAVER))))
    case = node("Case", "case", "x", attributes=listed)
    graph = chunk(1, case) + library(SAVER, node("SaveV2"))
    assert tell(saved(graph)).verdict is MALICIOUS


def const(name: str, *values: str) -> bytes:
    tensor = number(1, 7) + b"".join(chunk(8, value) for value in values)
    return node("Const", name, attributes=attribute("value", chunk(8, tensor)))


def older_saver(
    prefix: bytes = b"", suffix: str = "_temp_0123456789abcdef/part", default: str = "model"
) -> bytes:
    """The saver of a TensorFlow 1 graph, `prefix` in place of the node that is given the name."""
    nodes = [
        const("save/filename/input", default),
        node("PlaceholderWithDefault", "save/filename", "save/filename/input"),
        prefix or node("PlaceholderWithDefault", "save/Const", "save/filename"),
        const("save/StringJoin/inputs_1", suffix),
        node("StringJoin", "save/StringJoin", "save/Const", "save/StringJoin/inputs_1"),
        node("ShardedFilename", "save/ShardedFilename", "save/StringJoin", "shard", "shards"),
        node("SaveV2", "save/SaveV2", "save/ShardedFilename", "names", "slices", "w"),
        node("Pack", "save/prefixes", "save/ShardedFilename", "^save/control_dependency"),
        node("MergeV2Checkpoints", "save/MergeV2Checkpoints", "save/prefixes", "save/Const"),
    ]
    return b"".join(chunk(1, one) for one in nodes)


def newer_saver(*, file: str = "file_prefix", suffix: str = "_temp/part") -> bytes:
    """The saver's function of a TensorFlow 2 model, and its call."""
    nodes = [
        node("StaticRegexFullMatch", "StaticRegexFullMatch", file),
        const("Const", ".part"),
        const("Const_1", suffix),
        const("fixed", "/etc/cron.d/x"),
        node("Select", "Select", "StaticRegexFullMatch:output:0", "Const:output:0",
             "Const_1:output:0"),
        node("StringJoin", "StringJoin", file, "Select:output:0"),
        node("ShardedFilename", "ShardedFilename", "StringJoin:output:0", "shard", "shards"),
        node("SaveV2", "SaveV2", "ShardedFilename:filename:0", "names", "slices"),
        node("Pack", "pack", "ShardedFilename:filename:0", "^SaveV2"),
        node("MergeV2Checkpoints", "MergeV2Checkpoints", "pack:output:0", file),
    ]  # fmt: skip
    call = node("StatefulPartitionedCall", "call", "saver_filename", attributes=calls(SAVER))
    return chunk(1, call) + library(SAVER, *nodes)


GIVEN = chunk(1, node("Placeholder", "saver_filename"))


def test_savers_as_tensorflow_writes_them_are_clean() -> None:
    assert_clean(saved(older_saver()), "tensorflow", "saved_model.pb")
    assert_clean(saved(older_saver(suffix="part")), "tensorflow", "saved_model.pb")
    assert_clean(saved(GIVEN + newer_saver()), "tensorflow", "saved_model.pb")
    assert_clean(older_saver(), "tensorflow", "graph.pb")
    two = chunk(2, chunk(1, b"") + chunk(2, older_saver(suffix="_temp_ff/part")))
    assert_clean(saved(older_saver()) + two, "tensorflow", "saved_model.pb")


@pytest.mark.parametrize(
    "graph",
    [
        older_saver(const("save/Const", "/etc/cron.d/x")),
        older_saver(const("save/Const", "model")),
        older_saver(suffix="/../../etc/x"),
        older_saver(default="/etc/cron.d/x"),
        older_saver(node("ReadVariableOp", "save/Const", "path")),
        older_saver(node("Identity", "save/Const", "save/Const")) + chunk(1, const("path", "/x")),
        older_saver(node("StringJoin", "save/Const", "save/StringJoin/inputs_1", "save/filename")),
        chunk(1, node("SaveV2", "save/SaveV2")),
        chunk(1, node("SaveV2", "save/SaveV2", "nowhere")),
        GIVEN + newer_saver(file="fixed:output:0"),
        GIVEN + newer_saver(suffix="/x"),
        chunk(1, const("saver_filename", "/etc/cron.d/x")) + newer_saver(),
        newer_saver(),
    ],
    ids=["constant", "constant model", "suffix", "default", "computed", "ring", "order",
         "no path", "no node", "function constant", "function suffix", "call constant", "no call"],
)  # fmt: skip
def test_a_saver_that_writes_where_nobody_said_is_not_clean(graph: bytes) -> None:
    assert tell(saved(graph)).verdict is MALICIOUS
    if not graph.startswith(b"\x12"):
        assert tell(graph, "graph.pb").verdict is MALICIOUS


def test_one_of_two_meta_graphs_hides_nothing_of_the_other() -> None:
    other = chunk(2, chunk(1, b"") + chunk(2, older_saver()))
    evil = older_saver(const("save/Const", "/etc/cron.d/x"))
    assert tell(saved(evil) + other).verdict is MALICIOUS
    assert (
        tell(saved(older_saver()) + chunk(2, chunk(1, b"") + chunk(2, evil))).verdict is MALICIOUS
    )


@pytest.mark.parametrize("stream", ["stderr", "stdout", "log(info)"])
def test_printing_is_clean(stream: str) -> None:
    said = node("PrintV2", attributes=attribute("output_stream", chunk(2, stream)))
    assert_clean(saved(chunk(1, said)), "tensorflow", "saved_model.pb")


def test_printing_into_a_file_is_not() -> None:
    said = node("PrintV2", attributes=attribute("output_stream", chunk(2, "file:///tmp/x")))
    assert tell(saved(chunk(1, said))).verdict is MALICIOUS


def test_a_program_of_stablehlo_may_not_call_the_process() -> None:
    plain = node("XlaCallModule", attributes=attribute("module", chunk(2, "stablehlo.add")))
    custom = node("XlaCallModule", attributes=attribute("module", chunk(2, "custom_call @x")))
    assert_clean(saved(chunk(1, plain)), "tensorflow", "saved_model.pb")
    assert tell(saved(chunk(1, custom))).verdict is MALICIOUS


def test_tables_are_read_from_assets() -> None:
    graph = chunk(1, node("InitializeTableFromTextFileV2"))

    def model(*assets: bytes) -> bytes:
        meta = chunk(1, b"") + chunk(2, graph) + b"".join(chunk(6, one) for one in assets)
        return number(1, 1) + chunk(2, meta)

    assert_clean(model(chunk(2, "vocabulary.txt")), "tensorflow", "saved_model.pb")
    assert tell(model()).verdict is SUSPICIOUS
    assert tell(model(chunk(2, "../../../etc/passwd"))).verdict is SUSPICIOUS
    assert tell(model(chunk(2, "/etc/passwd"))).verdict is SUSPICIOUS
