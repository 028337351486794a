from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path

import pytest
import torch
from blake3 import blake3
from safetensors.torch import load_file, save_file

from secureload.errors import IntegrityError
from secureload.flow import ArtifactFile
from secureload.registry import streamed

CPU = torch.device("cpu")


def recorded(path: Path) -> ArtifactFile:
    data = path.read_bytes()
    return ArtifactFile(
        path=path.name,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        blake3=blake3(data).hexdigest(),
    )


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    tensors = {
        "large": torch.randn(300, 700),
        "half": torch.randn(33, 5).half(),
        "brain": torch.randn(7).bfloat16(),
        "flags": torch.tensor([True, False, True]),
        "whole": torch.arange(9).reshape(3, 3),
        "complex": torch.randn(4, dtype=torch.complex64),
        "eight": torch.randn(6).to(torch.float8_e4m3fn),
        "scalar": torch.tensor(3.5),
        "empty": torch.empty(0, 4),
    }
    save_file(tensors, tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize("chunk", [64, 4096, 1 << 20])
@pytest.mark.parametrize("digest", ["blake3", "sha256"])
def test_the_tensors_are_those_that_safetensors_reads(
    chunk: int, digest: str, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if chunk == 64 and digest == "sha256":
        chunk = 67  # no multiple of any element's size
    monkeypatch.setattr(streamed, "CHUNK", chunk)
    file = recorded(weights)
    if digest == "sha256":
        file = dataclasses.replace(file, blake3="")
    ours, theirs = streamed.tensors(weights, file, CPU), load_file(weights)
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        mine = ours[name]
        assert (mine.dtype, mine.shape) == (tensor.dtype, tensor.shape)
        assert torch.equal(
            mine.view(torch.uint8) if mine.dim() else mine,
            tensor.view(torch.uint8) if tensor.dim() else tensor,
        )


@pytest.mark.parametrize("at", [0, 9, 200, -1], ids=["length", "header", "names", "tensor"])
def test_one_changed_byte_is_an_error(at: int, weights: Path) -> None:
    file = recorded(weights)
    data = bytearray(weights.read_bytes())
    data[at] ^= 1
    weights.write_bytes(data)
    with pytest.raises(IntegrityError):
        streamed.tensors(weights, file, CPU)


@pytest.mark.parametrize("size", [0, 7, 8, 100, -1])
def test_another_size_is_an_error(size: int, weights: Path) -> None:
    file = recorded(weights)
    os.truncate(weights, size if size >= 0 else file.size - 1)
    with pytest.raises(IntegrityError, match="bytes"):
        streamed.tensors(weights, file, CPU)


def test_a_file_cut_while_it_is_read_is_an_error(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = recorded(weights)
    monkeypatch.setattr(streamed, "CHUNK", 4096)
    allocate = streamed._allocate

    def cut(*args: object) -> object:
        os.truncate(weights, file.size // 2)
        return allocate(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(streamed, "_allocate", cut)
    with pytest.raises(IntegrityError, match="shorter"):
        streamed.tensors(weights, file, CPU)


def test_a_missing_file_and_a_link_are_errors(weights: Path, tmp_path: Path) -> None:
    file = recorded(weights)
    (tmp_path / "link").symlink_to(weights)
    for path in (tmp_path / "none", tmp_path / "link"):
        with pytest.raises(IntegrityError, match="cannot be read"):
            streamed.tensors(path, file, CPU)
