"""Damaged and forged checkpoints: one clear error that names the place, and nothing written."""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from secureload.convert import convert_path
from secureload.errors import ConversionError
from tests.builders.conv_torch import flip, member_offset, rewrite, save


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    state = {"weight": torch.arange(24.0).reshape(6, 4), "bias": torch.ones(3)}
    return save(state, tmp_path / "in" / "model.bin")


@pytest.fixture
def legacy(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir(exist_ok=True)
    return save({"w": torch.ones(6)}, tmp_path / "in" / "old.bin", container="legacy")


def refused(source: Path, *words: str) -> str:
    """Convert, expect a refusal that says these words, and find nothing left behind."""
    out = source.parent.parent / "out"
    out.mkdir()
    with pytest.raises(ConversionError) as error:
        convert_path(source, out / "model.safetensors")
    assert list(out.iterdir()) == []
    with pytest.raises(ConversionError):
        convert_path(source, source.parent.parent / "folder")
    assert not (source.parent.parent / "folder").exists()
    assert error.value.hint
    for word in words:
        assert word in error.value.message
    return error.value.message


def test_a_flipped_bit_in_a_storage(source: Path) -> None:
    offset, _ = member_offset(source, "data/0")
    flip(source, offset + 7)
    torch.load(source, weights_only=True)  # torch does not notice
    refused(source, "data/0", "CRC", "tensor 'weight'")


def test_a_flipped_bit_that_tied_tensors_share(tmp_path: Path) -> None:
    shared = torch.arange(6.0)
    (tmp_path / "in").mkdir()
    source = save({"one": shared, "two": shared}, tmp_path / "in" / "tied.bin")
    offset, _ = member_offset(source, "data/0")
    refused(flip(source, offset), "data/0", "tensor 'one' and 1 more")


def test_a_flipped_bit_in_the_pickle(source: Path) -> None:
    offset, _ = member_offset(source, "data.pkl")
    flip(source, offset + 20)
    refused(source, "data.pkl")


def test_a_file_without_crcs_is_converted_with_a_note(source: Path) -> None:
    from torch.utils.serialization import config

    config.save.compute_crc32 = False
    try:
        save({"weight": torch.ones(4)}, source)
    finally:
        config.save.compute_crc32 = True
    made = convert_path(source, source.parent / "m.safetensors")
    assert any("no CRC" in note for note in made.conversions[0].notes)


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9, 0.999])
def test_truncated(source: Path, keep: float) -> None:
    data = source.read_bytes()
    source.write_bytes(data[: int(len(data) * keep)])
    refused(source, "model.bin")


def test_a_storage_shorter_than_the_pickle_says(source: Path) -> None:
    rewrite(source, lambda name, data: data[:-4] if name == "data/0" else data)
    refused(source, "data/0", "weight")


def test_a_storage_longer_than_the_pickle_says(source: Path) -> None:
    rewrite(source, lambda name, data: data + bytes(4) if name == "data/0" else data)
    refused(source, "data/0", "weight")


def test_a_missing_storage(source: Path) -> None:
    rewrite(source, lambda name, data: None if name == "data/1" else data)
    refused(source, "data/1")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"K\x06K\x04\x86", b"K\x07K\x04\x86"),  # one row more
        (b"K\x04K\x01\x86", b"K\x05K\x01\x86"),  # a wider row stride
    ],
)
def test_a_view_that_leaves_its_storage(source: Path, old: bytes, new: bytes) -> None:
    def edit(name: str, data: bytes) -> bytes:
        if name != "data.pkl":
            return data
        assert old in data
        return data.replace(old, new, 1)

    rewrite(source, edit)
    refused(source, "reaches beyond its storage")


def test_a_negative_offset(source: Path) -> None:
    def edit(name: str, data: bytes) -> bytes:
        old = b"QK\x00K\x06K\x04\x86"
        assert name != "data.pkl" or old in data
        return data.replace(old, b"QJ\xff\xff\xff\xffK\x06K\x04\x86", 1)

    rewrite(source, edit)
    refused(source, "reaches beyond its storage")


def test_a_compressed_storage(source: Path) -> None:
    with zipfile.ZipFile(source) as old:
        members = [(name, old.read(name)) for name in old.namelist()]
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in members:
            new.writestr(name, data)
    refused(source, "compressed")


def test_two_members_of_one_name(source: Path) -> None:
    with zipfile.ZipFile(source, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("model/data/0", bytes(96))
    refused(source, "model/data/0")


def test_a_pickle_that_would_call_something_is_refused_and_not_run(source: Path) -> None:
    marker = source.parent / "ran"

    class Evil:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
            import os

            return os.mkdir, (str(marker),)

    save({"weight": torch.ones(2), "extra": Evil()}, source)
    refused(source, "mkdir")
    assert not marker.exists()


def test_an_expanded_view_cannot_fill_the_disk(source: Path) -> None:
    save({"bomb": torch.ones(1).expand(1 << 30, 1 << 10)}, source)
    refused(source, "repeat")


def test_two_tensors_of_one_name(source: Path) -> None:
    save({"a.b": torch.ones(1), "a": {"b": torch.zeros(1)}}, source)
    refused(source, "'a.b'")


@pytest.mark.parametrize(
    ("tensor", "word"),
    [
        (torch.ones(2, 2).to_sparse(), "sparse"),
        (torch.ones(2, 2).to_sparse_csr(), "sparse"),
        (torch.ones(2, dtype=torch.complex128), "complex128"),
        (torch.ones(2, device="meta"), "meta"),
        (torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8), "quantized"),
    ],
    ids=["coo", "csr", "complex128", "meta", "quantized"],
)  # fmt: skip
def test_what_safetensors_cannot_hold_is_refused_by_name(
    source: Path, tensor: torch.Tensor, word: str
) -> None:
    save({"fine": torch.ones(1), "odd.one": tensor}, source)
    refused(source, "odd.one", word)


def test_a_whole_module_is_refused(source: Path) -> None:
    save(torch.nn.Linear(2, 2), source)
    refused(source, "Linear")


@pytest.mark.parametrize("cut", [1, 8, 20, 30])
def test_truncated_legacy(legacy: Path, cut: int) -> None:
    legacy.write_bytes(legacy.read_bytes()[:-cut])
    refused(legacy, "old.bin")


def test_bytes_after_the_last_storage_of_a_legacy_file(legacy: Path) -> None:
    legacy.write_bytes(legacy.read_bytes() + pickle.dumps("hidden"))
    refused(legacy, "follow the last storage")


def test_a_legacy_storage_with_a_false_count(legacy: Path) -> None:
    data = legacy.read_bytes()
    at = len(data) - 24 - 8
    assert data[at : at + 8] == struct.pack("<q", 6)
    legacy.write_bytes(data[:at] + struct.pack("<q", 1 << 60) + data[at + 8 :])
    refused(legacy, "storage")


@pytest.mark.parametrize("seed", range(40))
def test_random_damage_never_gives_more_than_an_error(source: Path, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    data = bytearray(source.read_bytes())
    for place in torch.randint(0, len(data), (3,), generator=generator).tolist():
        data[place] ^= 1 << (seed % 8)
    source.write_bytes(data)
    out = source.parent / "m.safetensors"
    try:
        convert_path(source, out)
    except ConversionError:
        assert not out.exists()
