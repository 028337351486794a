"""The Keras objects of a SavedModel: a Lambda in any of them is code."""

from __future__ import annotations

import json
from typing import Any

from tests.builders.wire import chunk, number
from tests.scanner.told import ERROR, SUSPICIOUS, assert_clean, rules, tell


def metadata(*documents: Any) -> bytes:
    return b"".join(
        chunk(1, number(2, 1) + chunk(3, "root") + chunk(4, "_tf_keras_layer")
              + chunk(5, document if isinstance(document, bytes) else json.dumps(document)))
        for document in documents
    )  # fmt: skip


DENSE = {"class_name": "Dense", "config": {"units": 3}}
LAMBDA = {"class_name": "Lambda", "config": {"function": ["4wAA", None, None]}}


def test_ordinary_layers_are_clean() -> None:
    assert_clean(metadata(DENSE, DENSE), "keras-metadata", "keras_metadata.pb")


def test_a_lambda_in_a_later_object_is_code() -> None:
    result = tell(metadata(DENSE, {"config": {"layers": [DENSE, LAMBDA]}}))

    assert rules(result) == {"embedded-code"}
    assert result.verdict is SUSPICIOUS


def test_metadata_that_is_no_json_is_an_error() -> None:
    assert tell(metadata(DENSE, b"{")).verdict is ERROR
