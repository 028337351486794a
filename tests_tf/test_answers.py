"""A legacy checkpoint, admitted, gives in TensorFlow the answers it gave in PyTorch."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

import secureload
from tests_tf.workers import FIXTURES, Worker, python, recorded

SEQUENCE = "TFAutoModelForSequenceClassification"
TOKEN = "TFAutoModelForTokenClassification"
IMAGE = "TFAutoModelForImageClassification"
SEQ2SEQ = "TFAutoModelForSeq2SeqLM"

CASES = [
    *((SEQUENCE, "distilbert-sequence", f) for f in ("pt-zip", "pt-legacy", "pt-sharded")),
    *((SEQUENCE, "distilbert-sequence", f) for f in ("tf-h5", "flax-msgpack", "safetensors")),
    *((TOKEN, "distilbert-token", f) for f in ("pt-zip", "pt-legacy", "pt-sharded", "tf-h5")),
    (TOKEN, "layoutlmv3-token", "pt-zip"),
    ("TFAutoModel", "bert-base", "pt-legacy"),
    ("TFAutoModelForPreTraining", "bert-pretraining", "pt-zip"),
    ("TFAutoModelForPreTraining", "bert-pretraining", "pt-oldkeys"),
    ("TFAutoModelForCausalLM", "gpt2-lm", "pt-zip"),
    (SEQ2SEQ, "t5-seq2seq", "pt-zip"),
    (SEQ2SEQ, "bart-seq2seq", "pt-sharded"),
    *((IMAGE, fixture, "pt-zip") for fixture in ("vit-image", "resnet-image", "swin-image")),
]


@pytest.mark.parametrize(("class_name", "fixture", "checkpoint"), CASES)
def test_tensorflow_gives_the_pytorch_answers(
    class_name: str, fixture: str, checkpoint: str, tmp_path: Path
) -> None:
    entry = secureload.admit(FIXTURES / fixture / checkpoint)
    weights = sorted(entry.path.glob("*.safetensors"))
    assert weights
    assert not [path for path in entry.path.iterdir() if path.suffix in {".bin", ".h5"}]
    for path in weights:
        with safe_open(path, framework="numpy") as opened:
            assert opened.metadata()["format"] == "pt"

    inputs, expected = recorded(fixture)
    with Worker(class_name, entry.path) as worker:
        outputs = worker.predict(inputs, tmp_path)

    assert worker.ready["class"] == class_name
    assert worker.ready["model"].startswith("TF")
    assert worker.ready["unused"] == []
    assert expected.keys() <= outputs.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(outputs[name], array, rtol=0, atol=1e-5)
    assert (worker.status, worker.left) == (0, "")


def test_other_weights_give_other_answers(tmp_path: Path) -> None:
    inputs, expected = recorded("distilbert-sequence")
    source = FIXTURES / "distilbert-sequence/safetensors"
    with safe_open(source / "model.safetensors", framework="numpy") as opened:
        arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    arrays["pre_classifier.weight"] = arrays["pre_classifier.weight"].T.copy()
    changed = tmp_path / "changed"
    changed.mkdir()
    save_file(arrays, changed / "model.safetensors", metadata={"format": "pt"})
    (changed / "config.json").write_bytes((source / "config.json").read_bytes())
    with Worker(SEQUENCE, secureload.admit(changed).path) as worker:
        outputs = worker.predict(inputs, tmp_path)
    assert np.abs(outputs["logits"] - expected["logits"]).max() > 1e-3


def test_weights_in_half_precision_load_too(tmp_path: Path) -> None:
    inputs, expected = recorded("distilbert-sequence")
    for checkpoint in ("pt-bf16", "pt-fp16"):
        entry = secureload.admit(FIXTURES / "distilbert-sequence" / checkpoint)
        with Worker(SEQUENCE, entry.path) as worker:
            outputs = worker.predict(inputs, tmp_path)
        np.testing.assert_allclose(outputs["logits"], expected["logits"], rtol=0, atol=1e-2)


def test_inside_its_environment_it_is_a_library(tmp_path: Path) -> None:
    entry = secureload.admit(FIXTURES / "distilbert-token/pt-legacy")
    inputs, expected = recorded("distilbert-token")
    save_file(inputs, tmp_path / "inputs")
    python(
        "import sys\n"
        "from safetensors.numpy import load_file, save_file\n"
        "from secureload.registry import tensorflow\n"
        "model = tensorflow.load('TFAutoModelForTokenClassification', sys.argv[1]).model\n"
        "outputs = tensorflow.predict(model, load_file(sys.argv[2]))\n"
        "again = model(load_file(sys.argv[2])).logits.numpy()\n"
        "assert (outputs['logits'] == again).all()\n"
        "save_file(outputs, sys.argv[3])\n",
        *(entry.path, tmp_path / "inputs", tmp_path / "outputs"),
    )
    with safe_open(tmp_path / "outputs", framework="numpy") as opened:
        np.testing.assert_allclose(
            opened.get_tensor("logits"), expected["logits"], rtol=0, atol=1e-5
        )


def test_one_worker_answers_many_requests(sequence_worker: Worker, tmp_path: Path) -> None:
    inputs, expected = recorded("distilbert-sequence")
    with sequence_worker as worker:
        for rows in (1, 2, 1):
            half = {name: array[:rows].copy() for name, array in inputs.items()}
            outputs = worker.predict(half, tmp_path)
            np.testing.assert_allclose(
                outputs["logits"], expected["logits"][:rows], rtol=0, atol=1e-5
            )
    assert worker.status == 0


def test_the_environment_holds_no_torch_and_what_was_tested() -> None:
    shown = python(
        "import importlib.metadata as m, importlib.util as u; "
        "print(m.version('transformers'), m.version('tf-keras'), "
        "u.find_spec('torch'), u.find_spec('kernels'))"
    )
    assert shown == "4.54.1 2.21.0 None None"
    assert (
        "transformers==4.54.1" in (Path(__file__).parent.parent / "requirements-tf.txt").read_text()
    )
    assert os.environ.get("HF_HUB_OFFLINE") is None  # the worker sets it for itself
