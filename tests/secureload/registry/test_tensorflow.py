"""What can be said of the TensorFlow side without TensorFlow: the rest is in `tests_tf/`."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from secureload import selection
from secureload.errors import IntegrityError, ToolError, UsageError
from secureload.registry import tensorflow as library

FIXTURES = Path(__file__).parents[2] / "fixtures"
FOREIGN = "not a folder that the gate wrote"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FIXTURES / "distilbert-sequence/safetensors", tmp_path / "model"))


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    source = FIXTURES / "distilbert-sequence/safetensors-sharded"
    return Path(shutil.copytree(source, tmp_path / "sharded"))


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_safetensors_json_and_text_may_stay(folder: Path, sharded: Path) -> None:
    shutil.copytree(FIXTURES / "t5-seq2seq/processor", folder / "tokenizer")
    library.check_folder(folder)
    library.check_folder(sharded)


def test_whatever_text_the_gate_lets_in_may_stay(folder: Path) -> None:
    for suffix in selection._TEXT:
        (folder / f"file{suffix}").write_text("")
    library.check_folder(folder)


@pytest.mark.parametrize(
    "name",
    [
        *("pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", "modeling.py", "x.so"),
        *("model.safetensors.bin", "pickle", "a/b/pytorch_model.bin", "x.BIN", ".safetensors"),
    ],
)
def test_any_other_file_is_refused(folder: Path, name: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    with pytest.raises(IntegrityError, match=FOREIGN):
        library.check_folder(folder)


@pytest.mark.parametrize("target", ["config.json", ".", "/etc/passwd", "/etc", "nowhere"])
def test_links_are_refused(folder: Path, target: str) -> None:
    (folder / "link.json").symlink_to(target)
    with pytest.raises(IntegrityError, match=r"link\.json does not belong"):
        library.check_folder(folder)


def test_a_pipe_is_refused_and_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "vocab.json")
    with pytest.raises(IntegrityError, match=r"vocab\.json does not belong"):
        library.check_folder(folder)


@pytest.mark.parametrize(
    "setting",
    [
        {"auto_map": {"TFAutoModel": "modeling.Model"}},
        {"text_config": {"auto_map": {"AutoConfig": "org/other--c.C"}}},
        {"_attn_implementation_internal": "org/kernel"},
        {"attn_implementation": "org/kernel"},
        {"custom_pipelines": {"x": {"impl": "m.C"}}},
    ],
)
def test_settings_that_name_code_are_refused(folder: Path, setting: dict[str, Any]) -> None:
    edit(folder / "config.json", **setting)
    with pytest.raises(IntegrityError, match=r"config\.json names code"):
        library.check_folder(folder)


def test_a_label_called_auto_map_names_no_code(folder: Path) -> None:
    edit(folder / "config.json", label2id={"auto_map": 0, "no": 1, "yes": 2})
    library.check_folder(folder)


@pytest.mark.parametrize("name", ["../model.safetensors", "/tmp/x.safetensors", "config.json", 3])
def test_an_index_names_weights_of_its_own_folder(sharded: Path, name: Any) -> None:
    shutil.copyfile(
        FIXTURES / "distilbert-sequence/safetensors/model.safetensors",
        sharded.parent / "model.safetensors",
    )
    edit(sharded / "model.safetensors.index.json", weight_map={"classifier.bias": name})
    with pytest.raises(IntegrityError, match=FOREIGN):
        library.check_folder(sharded)


@pytest.mark.parametrize("weight_map", [None, [], {}, "model.safetensors"])
def test_an_index_that_names_nothing_is_refused(sharded: Path, weight_map: Any) -> None:
    edit(sharded / "model.safetensors.index.json", weight_map=weight_map)
    with pytest.raises(IntegrityError, match="names no file"):
        library.check_folder(sharded)


@pytest.mark.parametrize("framework", ["tf", "flax"])
def test_weights_in_another_frameworks_layout_are_refused(framework: str) -> None:
    with pytest.raises(IntegrityError, match=f"layout '{framework}', not PyTorch's"):
        library.check_folder(FIXTURES / f"distilbert-sequence/{framework}-safetensors")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("data", [None, b"", b"[]", b"\xff" * 16, b"[" * 100_000])
def test_a_damaged_folder_is_refused(folder: Path, name: str, data: bytes | None) -> None:
    (folder / name).unlink()
    if data is not None:
        (folder / name).write_bytes(data)
    with pytest.raises(IntegrityError, match=FOREIGN):
        library.check_folder(folder)


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="not a folder"):
        library.check_folder(tmp_path / "nowhere")


def test_the_ordinary_environment_is_not_the_one(folder: Path) -> None:
    with pytest.raises(ToolError, match=r"need transformers 4\.54\.x") as error:
        library.load("TFAutoModelForSequenceClassification", folder)
    assert "docs/tensorflow.md" in error.value.hint
    assert "requirements-tf.txt" in error.value.hint


@pytest.mark.parametrize("name", ["AutoModel", "os", "TFBertModel", "TFAutoModel.__init__", ""])
def test_only_the_auto_classes_are_offered(folder: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is not one of transformers' TFAutoModel classes"):
        library.load(name, folder)
