"""A name that takes over from the model's weights."""

from __future__ import annotations

import pytest

from scanner.facts import MemberFact
from scanner.findings import Where
from scanner.rules.shard_takeover_name import RULE


def named(name: str) -> MemberFact:
    return MemberFact(where=Where(), name=name, kind="file", size=1, compressed_size=1)


@pytest.mark.parametrize("folder", ["", "sub/"])
def test_fires(folder: str) -> None:
    fact = named(f"{folder}shard-00001-model-00001-of-00001.safetensors")
    assert len(list(RULE.apply(fact))) == 1


@pytest.mark.parametrize(
    "name",
    [
        "model-00001-of-00002.safetensors",
        "model.safetensors",
        "shard-00001.safetensors",
        "x-shard-1-model-1-of-1.safetensors",
    ],
)
def test_stays_quiet(name: str) -> None:
    assert list(RULE.apply(named(name))) == []
