"""Keras configurations: layers that are code are found at any depth."""

from __future__ import annotations

import json

import pytest

from tests.builders.zips import plain
from tests.scanner.told import CLEAN, MALICIOUS, assert_clean, rules, tell


def model(*layers: object) -> bytes:
    return json.dumps({"class_name": "Sequential", "config": {"layers": list(layers)}}).encode()


DENSE = {"class_name": "Dense", "config": {"units": 3}, "module": "keras.layers"}


def test_ordinary_layers_are_clean() -> None:
    assert_clean(model(DENSE, DENSE), "json", "config.json")


def test_lambda_and_custom_layers_are_told() -> None:
    lam = {"class_name": "Lambda", "config": {"function": {"class_name": "__lambda__"}}}
    nested = {"class_name": "TimeDistributed", "config": {"layer": lam}}
    custom = {"class_name": "Evil", "module": "os", "registered_name": "Evil", "config": {}}
    for layer in (lam, nested, custom, {"class_name": "my>Layer", "config": {}}):
        assert "embedded-code" in rules(tell(model(DENSE, layer), "config.json"))


def test_inside_a_keras_file_too() -> None:
    lam = {"class_name": "Lambda", "config": {}}
    members = {"metadata.json": b"{}", "config.json": model(lam), "model.weights.h5": b"x"}
    result = tell(plain(members), "model.keras")
    assert result.format == "keras-zip"
    assert "embedded-code" in rules(result)


@pytest.mark.parametrize(
    "layer",
    [
        {"class_name": "get_file", "module": "keras.utils", "config": {}},
        {"class_name": "read_file", "module": "tensorflow.io", "config": {}},
        {"class_name": "GFile", "module": "tensorflow.io.gfile", "config": {}},
        {"class_name": "TFSMLayer", "module": "keras.layers", "config": {"filepath": "x"}},
        {"class_name": "TorchModuleWrapper", "module": "keras.layers", "config": {}},
        {"registered_name": "Evil", "module": "elsewhere", "config": {}},
    ],
    ids=lambda layer: str(layer.get("class_name", "registered name alone")),
)
def test_what_is_no_layer_of_keras_is_told(layer: object) -> None:
    assert "embedded-code" in rules(tell(model(DENSE, layer), "config.json"))


@pytest.mark.parametrize(
    "text",
    [
        b'{"class_name": "eval", "module": "builtins", "config": "1"}',
        b'{"class_name": "eval", "module": "builtins"}',
        b'{"class_name": "system", "module": "os", "config": {}}',
        b'{"clas\\u0073_name": "eval", "module": "builtins", "config": {}}',
        b'{"class_name": "builtins:eval", "config": {}}',
        b'{"class_name": "X", "registered_name": "os.system", "config": {}}',
    ],
)
def test_a_callable_that_runs_code_is_malicious(text: bytes) -> None:
    assert tell(text, "config.json").verdict is MALICIOUS


def test_classes_of_others_are_left_to_their_loaders() -> None:
    text = b'{"class_name": "dog", "labels": [{"class_name": "cat", "module": null}]}'

    assert tell(text, "labels.json").verdict is CLEAN


@pytest.mark.parametrize(
    "layer",
    [
        {"class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}},
        {"class_name": "BackupAndRestore", "module": "keras.callbacks", "config": {}},
        {"class_name": "x", "config": {"function": ["4wEA"], "function_type": "lambda"}},
    ],
    ids=["a vocabulary's file", "a folder", "a function without a class"],
)
def test_files_and_functions_without_a_class_are_told(layer: object) -> None:
    assert "embedded-code" in rules(tell(model(DENSE, layer), "config.json"))


def test_a_vocabulary_of_words_is_clean() -> None:
    layer = {"class_name": "StringLookup", "config": {"vocabulary": ["a", "b"]}}
    assert_clean(model(layer), "json", "config.json")
