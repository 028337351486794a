"""A weight index names a file elsewhere."""

from __future__ import annotations

import pytest

from scanner.findings import Severity
from scanner.rules.index_leaves_folder import RULE
from tests.scanner.rules.configs import value

PATH = "$.weight_map.a.weight"


@pytest.mark.parametrize("shard", ["../x.safetensors", "/x.safetensors", "a/b.safetensors", "",
                                   "..", "a\\b.safetensors", "pytorch_model.bin"])  # fmt: skip
def test_fires(shard: str) -> None:
    fact = value("weight_map", shard, path=PATH, document="model.safetensors.index.json")
    assert [finding.severity for finding in RULE.apply(fact)] == [Severity.HIGH]


@pytest.mark.parametrize(
    ("shard", "document"),
    [
        ("model-00001-of-00002.safetensors", "model.safetensors.index.json"),
        ("pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json"),
    ],
)
def test_stays_quiet(shard: str, document: str) -> None:
    assert list(RULE.apply(value("weight_map", shard, path=PATH, document=document))) == []
    assert list(RULE.apply(value("weight_map", None, document=document))) == []
