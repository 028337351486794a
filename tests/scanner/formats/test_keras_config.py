"""Keras configurations: layers that are code are found at any depth."""

from __future__ import annotations

import json

from tests.builders.zips import plain
from tests.scanner.told import assert_clean, rules, tell


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
