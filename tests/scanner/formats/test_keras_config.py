"""Keras configurations: layers that are code are found at any depth."""

from __future__ import annotations

import json

import pytest

from tests.builders.zips import plain
from tests.scanner.told import CLEAN, MALICIOUS, SUSPICIOUS, assert_clean, rules, tell


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


def compiled(older: bool, loss: object, metrics: object) -> bytes:
    if older:
        said = {"optimizer_config": {"class_name": "Adam"}, "loss": loss, "metrics": metrics}
        return json.dumps({"class_name": "Sequential", "training_config": said}).encode()
    said = {"optimizer": "adam", "loss": loss, "metrics": metrics}
    return json.dumps({"class_name": "Sequential", "compile_config": said}).encode()


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize(
    ("loss", "metrics"),
    [
        ("dice_loss", None),
        (None, ["accuracy", "f1_of_mine"]),
        ({"out": "mse", "other": "mine"}, []),
        ("mse", [["mae"], ["mine"]]),
    ],
)
def test_losses_and_metrics_of_a_models_user_are_told(
    older: bool, loss: object, metrics: object
) -> None:
    assert tell(compiled(older, loss, metrics), "config.json").verdict is SUSPICIOUS


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize(
    ("loss", "metrics"),
    [
        ("mse", ["accuracy", "AUC", "acc"]),
        ({"a": "sparse_categorical_crossentropy", "b": "huber"}, {"a": ["mae"]}),
        (None, None),
        ({"class_name": "Huber", "config": {"name": "mine"}}, [{"class_name": "AUC"}]),
    ],
)
def test_losses_and_metrics_of_keras_are_clean(older: bool, loss: object, metrics: object) -> None:
    assert tell(compiled(older, loss, metrics), "config.json").verdict is CLEAN


def test_a_loss_of_another_trainer_is_none_of_keras() -> None:
    text = b'{"class_name": "dog", "training_config": {"loss": "mine", "metrics": ["x"]}}'
    assert tell(text, "config.json").verdict is CLEAN


@pytest.mark.parametrize(
    ("registered", "told"), [("MyLayer", True), ("p>MyLayer", True), (None, False), ("", False)]
)
def test_a_registered_class_without_a_module_is_its_users(registered: object, told: bool) -> None:
    layer = {"class_name": "MyLayer", "module": None, "registered_name": registered, "config": {}}
    assert ("embedded-code" in rules(tell(model(layer), "config.json"))) is told


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
