"""Converting in a worker: as in this process; and what a worker says is checked."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from secureload.convert import convert_path, verify_conversion
from secureload.errors import ConversionError, IntegrityError, UsageError
from secureload.flow import ArtifactFile, Conversion
from secureload.sandbox import Limits, Tier, forked
from secureload.sandbox.converting import check
from tests.secureload.cli.shell import FIXTURES

LEGACY = FIXTURES / "distilbert-token" / "pt-zip"


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_folder_a_file_and_shards_are_as_without(tmp_path: Path) -> None:
    weights = LEGACY / "pytorch_model.bin"
    for number, (source, options) in enumerate(
        [(LEGACY, {}), (weights, {}), (LEGACY, {"max_shard_size": 20_000})]
    ):
        here, there = tmp_path / f"here{number}", tmp_path / f"there{number}"
        plain = convert_path(source, here, **options)  # type: ignore[arg-type]
        with forked() as confined:
            made = convert_path(source, there, through=confined.make_path, **options)  # type: ignore[arg-type]
        assert contents(there) == contents(here)
        assert made.files == plain.files
        assert made.conversions == plain.conversions
        assert confined.tier is not Tier.NONE


def test_a_folder_of_links_is_read(tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "abc"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    for number, path in enumerate(sorted(LEGACY.iterdir())):
        (blobs / str(number)).write_bytes(path.read_bytes())
        (snapshot / path.name).symlink_to(os.path.relpath(blobs / str(number), snapshot))
    with forked() as confined:
        convert_path(snapshot, tmp_path / "made", through=confined.make_path)
        proofs = confined.prove(snapshot, tmp_path / "made")
    assert proofs == verify_conversion(LEGACY, tmp_path / "made")


def test_what_is_wrong_is_said_as_without(tmp_path: Path) -> None:
    (tmp_path / "damaged.bin").write_bytes((LEGACY / "pytorch_model.bin").read_bytes()[:-500])
    with pytest.raises(ConversionError) as here:
        convert_path(tmp_path / "damaged.bin", tmp_path / "x.safetensors")
    with forked() as confined, pytest.raises(ConversionError) as there:
        convert_path(
            tmp_path / "damaged.bin", tmp_path / "x.safetensors", through=confined.make_path
        )
    assert (there.value.message, there.value.hint) == (here.value.message, here.value.hint)
    assert [path.name for path in tmp_path.iterdir()] == ["damaged.bin"]
    with forked() as confined, pytest.raises(UsageError, match="does not exist"):
        confined.prove(tmp_path / "no", tmp_path / "such")


def test_too_little_memory_is_a_clear_end(tmp_path: Path) -> None:
    with (
        forked(limits=Limits(memory_bytes=1 << 20)) as confined,
        pytest.raises(OSError, match=r"memory|worker"),
    ):
        convert_path(LEGACY, tmp_path / "made", through=confined.make_path)
    assert list(tmp_path.iterdir()) == []


SOURCES = {"README.md": hashlib.sha256(b"text").hexdigest(), "config.json": None}


def file(path: str, data: bytes) -> ArtifactFile:
    return ArtifactFile(path=path, size=len(data), sha256=hashlib.sha256(data).hexdigest())


def safetensors(size: int = 4) -> bytes:
    entry = {"a": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
    header = json.dumps(entry).encode()
    return len(header).to_bytes(8, "little") + header + bytes(size)


MADE = Conversion(converter="x/1", inputs=("README.md",), outputs=("model.safetensors",))


def checked(tmp_path: Path, files: dict[str, bytes], *, made: Conversion = MADE) -> None:
    root, staging = tmp_path / "root", tmp_path / "staging"
    root.mkdir()
    (root / "README.md").write_bytes(b"text")
    (root / "config.json").write_bytes(b"{}")
    for path, data in files.items():
        (staging / path).parent.mkdir(parents=True, exist_ok=True)
        (staging / path).write_bytes(data)
    named = [file(path, data) for path, data in files.items()]
    check(named, [made], staging, root, SOURCES)


GOOD = {"README.md": b"text", "config.json": b"{}", "model.safetensors": safetensors()}


def test_an_honest_outcome_passes(tmp_path: Path) -> None:
    values = {"model.metadata.json": b'{"trust_remote_code": true}'}
    index = {"model.safetensors.index.json": b'{"weight_map": {"a": "model.safetensors"}}'}
    checked(tmp_path, GOOD | values | index)


def test_values_of_a_checkpoint_may_have_any_name(tmp_path: Path) -> None:
    import torch

    source = tmp_path / "checkpoint.pt"
    torch.save({"model": {"a": torch.ones(2)}, "args": {"trust_remote_code": True}}, source)
    with forked() as confined:
        made = convert_path(source, tmp_path / "made", through=confined.make_path)
    assert any(one.path.endswith(".metadata.json") for one in made.files)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"README.md": b"tex2"}, "not the copy"),
        ({"config.json": b'{"a": 1}'}, "not the copy"),
        ({"new.bin": b"\x80\x04N."}, "neither a copy nor safetensors"),
        ({"adapter_config.json": b"{}"}, "neither a copy"),
        ({"model.safetensors.index.json": b'{"weight_map": {"a": "../x"}}'}, r"\.\./x"),
        ({"model.safetensors": b"PK\x03\x04" + bytes(100)}, "header"),
        ({"model.safetensors": safetensors() + b"more"}, "does not end"),
        ({"model.safetensors": b"\x02" + bytes(7) + b"[]" + bytes(4)}, "header"),
    ],
)
def test_a_false_one_does_not(tmp_path: Path, change: dict[str, bytes], why: str) -> None:
    with pytest.raises((IntegrityError, ConversionError), match=why):
        checked(tmp_path, GOOD | change)


def test_inputs_and_outputs_are_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="not given"):
        checked(tmp_path, GOOD, made=replace(MADE, inputs=("/etc/passwd",)))


def test_outputs_must_be_made(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="did not make"):
        checked(tmp_path, GOOD, made=replace(MADE, outputs=("other",)))


@pytest.mark.parametrize("kind", ["link", "hard", "fifo", "unnamed"])
def test_only_plain_files_that_are_named(tmp_path: Path, kind: str) -> None:
    staging = tmp_path / "staging"
    staging.mkdir()
    if kind == "link":
        (staging / "README.md").symlink_to("/etc/hostname")
    elif kind == "hard":
        (tmp_path / "other").write_bytes(b"text")
        os.link(tmp_path / "other", staging / "README.md")
    elif kind == "fifo":
        os.mkfifo(staging / "README.md")
    else:
        (staging / "README.md").write_bytes(b"text")
        (staging / "more").write_bytes(b"")
    with pytest.raises(IntegrityError):
        check([file("README.md", b"text")], [], staging, tmp_path, SOURCES)
