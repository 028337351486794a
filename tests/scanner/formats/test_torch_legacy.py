"""Torch files of the time before zip: all five pickles count, and every byte is claimed."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from tests.scanner.told import ERROR, MALICIOUS, SHELL, SUSPICIOUS, assert_clean, rules, tell

FIXTURES = Path(__file__).parents[2] / "fixtures"
MODEL = (FIXTURES / "bert-base/pt-legacy/pytorch_model.bin").read_bytes()
PARTS = [
    pickle.dumps(0x1950A86A20F9469CFC6C, 2),
    pickle.dumps(1001, 2),
    pickle.dumps({"protocol_version": 1001, "little_endian": True}, 2),
    pickle.dumps({}, 2),
    pickle.dumps([], 2),
]


@pytest.mark.parametrize(
    "path", sorted(FIXTURES.rglob("pt-legacy/*.bin")), ids=lambda p: p.parts[-3]
)
def test_what_torch_wrote_is_clean(path: Path) -> None:
    assert_clean(path.read_bytes(), "torch-legacy")


def test_the_least_file_is_clean() -> None:
    assert_clean(b"".join(PARTS), "torch-legacy")


@pytest.mark.parametrize("place", [1, 2, 3, 4])
def test_a_payload_in_any_pickle_is_found(place: int) -> None:
    parts = list(PARTS)
    parts[place] = SHELL
    assert tell(b"".join(parts)).verdict is MALICIOUS


def test_bytes_behind_the_storages_are_told() -> None:
    result = tell(MODEL + SHELL)
    assert result.verdict is SUSPICIOUS
    assert "appended-data" in rules(result)


def test_a_cut_file_is_an_error() -> None:
    assert tell(MODEL[:-10]).verdict is ERROR
    assert tell(b"".join(PARTS[:3])).verdict is ERROR


def test_a_storage_that_is_used_and_not_listed_is_told() -> None:
    import io

    import torch

    held = io.BytesIO()
    torch.save({"a": torch.ones(3)}, held, _use_new_zipfile_serialization=False)
    data = held.getvalue()
    cut = data.rindex(b"\x80\x02]")
    assert tell(data[:cut] + pickle.dumps([], 2)).verdict is ERROR
