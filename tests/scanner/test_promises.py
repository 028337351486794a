"""A page, a pointer or a picture where the name promises weights is told as what it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scanner import scan
from scanner.promises import promises_weights
from tests.builders import zips
from tests.scanner.told import CLEAN, SUSPICIOUS, tell

PAGE = b"<!DOCTYPE html>\n<html><head><title>404</title></head><body>Not Found</body></html>"
REFUSED = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'
POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
    b"size 438000000\n"
)
PICTURE = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + bytes(20)
_HEADER = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
SHARD = len(_HEADER).to_bytes(8, "little") + _HEADER + bytes(4)
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
NAMES = ["pytorch_model.bin", "a.safetensors", "b.GGUF", "c.onnx", "d.pkl", "e.npz.incomplete"]


def said(data: bytes, name: str) -> str:
    result = tell(data, name)
    assert result.verdict is SUSPICIOUS, name
    return " ".join(finding.message for finding in result.findings)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_failed_download_leaves_is_told(name: str) -> None:
    assert "a page of HTML or XML" in said(PAGE, name)
    assert "a page of HTML or XML" in said(REFUSED, name)
    assert "a JSON document" in said(b'{"error": "Repository not found"}', name)
    assert "text where the name" in said(b"Access denied.\n", name)
    assert "an empty file" in said(b"", name)
    assert "zeros alone" in said(bytes(5000), name)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.model", "x.ipynb"])
def test_a_page_is_no_data(name: str) -> None:
    assert "a page of HTML or XML" in said(PAGE, name)


@pytest.mark.parametrize("name", ["x.bin", "x.ckpt"])
def test_a_picture_is_no_weights(name: str) -> None:
    assert "a picture" in said(PICTURE, name)


@pytest.mark.parametrize("name", ["model.safetensors", "spiece.model", "vocab.txt", "README"])
def test_a_pointer_says_how_to_get_the_file(name: str) -> None:
    assert "git lfs pull" in said(POINTER, name)


@pytest.mark.parametrize("name", ["index.html", "config.json", "a.png", "vocab.txt", "notes"])
def test_other_names_promise_no_weights(name: str) -> None:
    assert not promises_weights(name)


def test_what_is_what_its_name_says_is_clean() -> None:
    assert tell(PAGE, "index.html").verdict is CLEAN
    assert tell(b'{"a": 1}', "config.json").verdict is CLEAN
    assert tell(b"", "__init__.txt").verdict is CLEAN
    assert tell(POINTER + b"and then prose that goes on\n", "lfs.txt").verdict is CLEAN


def test_members_of_archives_are_held_to_their_names_too() -> None:
    assert tell(zips.plain({"weights/model.bin": PAGE}), "a.zip").verdict is SUSPICIOUS
    assert tell(zips.plain({"docs/index.html": PAGE}), "a.zip").verdict is CLEAN


def indexed(folder: Path, *there: str) -> object:
    index = {"metadata": {"total_size": 8}, "weight_map": dict(zip("ab", SHARDS, strict=True))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    for name in there:
        (folder / name).write_bytes(SHARD)
    found = {one.path: one for one in scan([folder]).files}
    return found["model.safetensors.index.json"].verdict


def test_an_index_without_one_of_its_shards_is_told(tmp_path: Path) -> None:
    assert indexed(tmp_path, SHARDS[0]) is SUSPICIOUS


@pytest.mark.parametrize("there", [(), SHARDS], ids=["none", "all"])
def test_an_index_with_all_or_none_of_its_shards_is_clean(
    tmp_path: Path, there: tuple[str, ...]
) -> None:
    assert indexed(tmp_path, *there) is CLEAN
