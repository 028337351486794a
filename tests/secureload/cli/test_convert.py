"""`secureload convert`: safetensors out of legacy weights, and the proof again later."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors import safe_open

from tests.secureload.cli.shell import EVIL, FIXTURES, Shell

LEGACY = FIXTURES / "distilbert-token"


@pytest.mark.parametrize("form", ["pt-zip", "pt-legacy"])
def test_a_file_becomes_a_file_and_is_proven_again(shell: Shell, tmp_path: Path, form: str) -> None:
    source, out = LEGACY / form / "pytorch_model.bin", tmp_path / "model.safetensors"
    said = shell("convert", source, out, "--format", "json")
    assert said.code == 0
    assert said.json["schema"] == "secureload.conversion/1"
    (conversion,) = said.json["conversions"]
    with safe_open(out, "np") as made:
        assert {tensor["name"] for tensor in conversion["tensors"]} == set(made.keys())
    assert shell("convert", "--verify", source, out).code == 0


def test_a_folder_becomes_a_folder_without_pickles(shell: Shell, tmp_path: Path) -> None:
    said = shell("convert", LEGACY / "pt-sharded", tmp_path / "safe")
    assert said.code == 0
    names = {path.name for path in (tmp_path / "safe").iterdir()}
    assert "config.json" in names
    assert not any(name.endswith(".bin") for name in names)


def test_a_flipped_bit_is_not_equal(shell: Shell, tmp_path: Path) -> None:
    source, out = LEGACY / "pt-zip" / "pytorch_model.bin", tmp_path / "model.safetensors"
    shell("convert", source, out)
    content = bytearray(out.read_bytes())
    content[-1] ^= 1
    out.write_bytes(content)
    said = shell("convert", "--verify", source, out)
    assert said.code == 1
    assert "not equal" in said.out
    said = shell("convert", "--verify", source, out, "--format", "json")
    assert (said.code, said.json["equal"]) == (1, False)


def test_what_is_no_weights_is_refused_and_nothing_is_left(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "evil.bin").write_bytes(EVIL)
    said = shell("convert", tmp_path / "evil.bin", tmp_path / "model.safetensors")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("error: ")
    assert [path.name for path in tmp_path.iterdir() if "evil" in path.name or
            "model" in path.name] == ["evil.bin"]  # fmt: skip


def test_a_shard_size_that_is_no_size_is_an_error(shell: Shell, tmp_path: Path) -> None:
    said = shell("convert", LEGACY / "pt-zip", tmp_path / "out", "--max-shard-size", "large")
    assert said.code == 2
    assert "hint:" in said.err
