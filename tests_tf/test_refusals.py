"""What the worker will not do, each with a clear error and a hint."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import secureload
from tests_tf.workers import FIXTURES, Worker, fails, python, recorded

SEQUENCE = "TFAutoModelForSequenceClassification"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    entry = secureload.admit(FIXTURES / "distilbert-sequence/pt-zip")
    copied = Path(shutil.copytree(entry.path, tmp_path / "model"))
    copied.chmod(0o755)
    for path in copied.iterdir():
        path.chmod(0o644)
    return copied


@pytest.mark.parametrize("checkpoint", ["pt-zip", "pt-legacy", "pt-sharded", "tf-h5"])
def test_a_folder_that_did_not_pass_the_gate_is_refused(checkpoint: str) -> None:
    answer = fails(SEQUENCE, FIXTURES / "distilbert-sequence" / checkpoint)
    assert answer["kind"] == "IntegrityError"
    assert "does not belong in it" in answer["error"]
    assert "secureload admit" in answer["hint"]


def test_a_repositorys_own_code_is_not_run(folder: Path, tmp_path: Path) -> None:
    fired = tmp_path / "fired"
    config = folder / "config.json"
    document = json.loads(config.read_text())
    document |= {"model_type": "own", "auto_map": {"AutoConfig": "own.C", "TFAutoModel": "own.M"}}
    config.write_text(json.dumps(document))
    answer = fails(SEQUENCE, folder)
    assert "names code" in answer["error"]

    (folder / "own.py").write_text(f"open({str(fired)!r}, 'w')\n")
    answer = fails(SEQUENCE, folder)
    assert "own.py does not belong" in answer["error"]
    assert not fired.exists()


def test_an_unknown_architecture_is_an_error_with_a_hint(folder: Path) -> None:
    config = folder / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "model_type": "own"}))
    answer = fails(SEQUENCE, folder)
    assert answer["kind"] == "UsageError"
    assert "own" in answer["error"]
    assert "secureload.AutoModelForSequenceClassification" in answer["hint"]


def test_a_class_the_architecture_lacks_is_an_error_with_a_hint(folder: Path) -> None:
    answer = fails("TFAutoModelForAudioClassification", folder)
    assert "DistilBertConfig" in answer["error"]
    answer = fails("TFAutoModelForMindReading", folder)
    assert "has no class TFAutoModelForMindReading" in answer["error"]


def test_weights_are_not_made_up_unless_asked(folder: Path, tmp_path: Path) -> None:
    answer = fails("TFAutoModelForMaskedLM", folder)
    assert answer["kind"] == "IntegrityError"
    assert "`vocab_transform" in answer["error"]
    assert "--allow-new-weights" in answer["hint"]

    with Worker("TFAutoModelForMaskedLM", folder, "--allow-new-weights") as worker:
        assert "classifier.weight" in worker.ready["unused"]
        outputs = worker.predict(recorded("distilbert-sequence")[0], tmp_path)
        assert set(outputs) == {"logits"}


def test_weights_of_another_shape_are_refused(folder: Path) -> None:
    config = folder / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "hidden_dim": 64}))
    answer = fails(SEQUENCE, folder)
    assert answer["kind"] in {"UsageError", "IntegrityError"}
    assert answer["hint"]


def test_bad_requests_do_not_end_the_worker(sequence_worker: Worker, tmp_path: Path) -> None:
    inputs, expected = recorded("distilbert-sequence")
    bad: list[dict[str, Any]] = [
        {"pixel_values": np.zeros((1, 3, 8, 8), "f4")},
        {"training": np.array([True])},
        {"input_ids": np.zeros((2, 3, 4, 5), "i8")},
        {"input_ids": np.array([[10**6]])},
        {"input_ids": np.zeros((1, 4), "f4")},
        {"attention_mask": inputs["attention_mask"]},
    ]
    target = tmp_path / "out"
    with sequence_worker as worker:
        for number, arrays in enumerate(bad):
            source = tmp_path / f"bad-{number}"
            save_file(arrays, source)
            answer = worker.said(json.dumps({"inputs": str(source), "outputs": str(target)}))
            assert answer["kind"] == "UsageError", (number, answer)
            assert answer["hint"]
            assert not target.exists()
        outputs = worker.predict(inputs, tmp_path)
    np.testing.assert_allclose(outputs["logits"], expected["logits"], rtol=0, atol=1e-5)


def test_nothing_is_asked_of_the_network(sequence_worker: Worker, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    sequence_worker.command = [
        *("strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg,execve", "-o", str(trace)),
        *sequence_worker.command,
    ]
    with sequence_worker as worker:
        worker.predict(recorded("distilbert-sequence")[0], tmp_path)
    calls = trace.read_text().splitlines()
    assert any("execve" in call for call in calls)
    # `bind` is left out: urllib3 binds ::1 when imported, to learn whether there is IPv6.
    assert [call for call in calls if "AF_INET" in call] == []


def test_torch_beside_tensorflow_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise AssertionError('torch was imported')\n")
    shown = python(
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from secureload.registry import tensorflow\n"
        "from secureload.errors import ToolError\n"
        "try: tensorflow.load('TFAutoModel', sys.argv[1])\n"
        "except ToolError as error: print(error)\n",
        *(folder, tmp_path),
    )
    assert "torch is installed" in shown
    assert "requirements-tf.txt" in shown
