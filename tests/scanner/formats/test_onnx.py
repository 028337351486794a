"""ONNX: tensors that leave the folder and foreign operators are told."""

from __future__ import annotations

import pytest

from tests.builders.wire import chunk, number
from tests.scanner.told import assert_clean, rules, tell


def model(graph: bytes) -> bytes:
    return number(1, 8) + chunk(2, "maker") + chunk(7, graph) + chunk(8, number(2, 17))


def tensor(location: str) -> bytes:
    return chunk(8, "w") + chunk(13, chunk(1, "location") + chunk(2, location))


def test_a_plain_model_is_clean() -> None:
    graph = chunk(1, chunk(4, "MatMul")) + chunk(5, tensor("weights.bin"))
    assert_clean(model(graph), "onnx", "model.onnx")


@pytest.mark.parametrize("place", ["../x", "/etc/passwd", "a/../../x", "file:///x", "C:\\x"])
def test_a_tensor_outside_the_folder_is_told(place: str) -> None:
    nested = chunk(1, chunk(5, chunk(6, chunk(5, tensor(place)))))
    for graph in (chunk(5, tensor(place)), nested):
        assert "link-in-archive" in rules(tell(model(graph), "model.onnx"))


def function(name: str, operator: bytes) -> bytes:
    return chunk(25, chunk(1, name) + chunk(7, operator) + chunk(10, "own"))


def test_a_function_that_the_model_defines_is_no_foreign_operator() -> None:
    node = chunk(4, "Gelu") + chunk(7, "own")
    opset = chunk(8, chunk(1, "own") + number(2, 1))

    whole = model(chunk(1, node)) + opset + function("Gelu", chunk(4, "Erf"))
    assert_clean(whole, "onnx", "model.onnx")

    for lacking in (
        model(chunk(1, node)) + opset,
        model(chunk(1, node)) + opset + function("Other", chunk(4, "Erf")),
        whole + function("More", chunk(4, "Run") + chunk(7, "evil.ops")),
    ):
        assert "embedded-code" in rules(tell(lacking, "model.onnx"))


def test_a_foreign_operator_is_told() -> None:
    assert "embedded-code" in rules(tell(model(chunk(1, chunk(4, "Run") + chunk(7, "evil.ops")))))


@pytest.mark.parametrize(
    ("domain", "operator", "known"),
    [
        ("", "Gemm", True),
        ("", "Upsample", True),  # of old releases alone
        ("ai.onnx", "Gemm", True),
        ("ai.onnx.ml", "TreeEnsembleClassifier", True),
        ("com.microsoft", "FusedMatMul", True),
        ("com.microsoft", "LayerNormalizationGrad", True),
        ("com.microsoft.nchwc", "ReorderInput", True),
        ("", "Run", False),
        ("ai.onnx", "gemm", False),
        ("", "GemmGrad", False),
        ("ai.onnx.ml", "Gemm", False),
        ("com.microsoft", "Run", False),
        ("com.microsoft", "RunGrad", False),
    ],
)
def test_an_operator_that_no_runtime_has_by_itself_is_told(
    domain: str, operator: str, known: bool
) -> None:
    node = chunk(4, operator) + (chunk(7, domain) if domain else b"")
    inside = chunk(4, "If") + chunk(5, chunk(6, chunk(1, node)))
    for graph in (chunk(1, node), chunk(1, inside)):
        found = rules(tell(model(graph), "model.onnx"))
        assert ("embedded-code" in found) is not known

    assert_clean(
        model(chunk(1, node)) + chunk(25, chunk(1, operator) + chunk(7, chunk(4, "Erf"))
                                      + chunk(10, domain)),
        "onnx", "model.onnx",
    )  # fmt: skip


def test_a_path_that_climbs_only_after_a_long_way_is_told() -> None:
    place = "a/" * 1_000 + "../" * 1_001 + "x"
    assert "link-in-archive" in rules(tell(model(chunk(5, tensor(place))), "model.onnx"))


@pytest.mark.parametrize("place", ["\t/etc/passwd", "HTTP://example.invalid/x", "../x"])
def test_every_place_that_is_given_counts(place: str) -> None:
    entries = [chunk(13, chunk(1, "location") + chunk(2, one)) for one in (place, "x")]
    twice = chunk(5, chunk(8, "w") + b"".join(entries))
    base = chunk(5, tensor("x") + chunk(13, chunk(1, "basepath") + chunk(2, place)))
    for graph in (twice, base):
        assert "link-in-archive" in rules(tell(model(graph), "model.onnx"))
    function = chunk(25, chunk(1, "f") + chunk(11, chunk(1, "v") + chunk(5, tensor(place))))
    assert "link-in-archive" in rules(tell(model(b"") + function, "model.onnx"))


@pytest.mark.parametrize("operator", ["PyOp", "PythonOp", "EPContext"])
def test_operators_that_run_python_or_load_libraries_are_told(operator: str) -> None:
    node = chunk(1, chunk(4, operator) + chunk(7, "com.microsoft"))
    assert "embedded-code" in rules(tell(model(node), "model.onnx"))
