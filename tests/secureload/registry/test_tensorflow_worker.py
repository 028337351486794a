"""The worker's manners, without TensorFlow: `tests_tf/` shows it at work."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from secureload.registry import tensorflow, tensorflow_worker

FIXTURES = Path(__file__).parents[2] / "fixtures"
WORKER = [sys.executable, "-I", "-m", "secureload.registry.tensorflow_worker"]


def answers(*lines: str) -> list[dict[str, Any]]:
    out = io.StringIO()
    tensorflow_worker.serve(object(), lines, out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(
    "line",
    [
        *("", "{", "[]", "3", "null", '"x"', "[" * 100_000, '{"inputs": "a"}'),
        *('{"inputs": 1, "outputs": 2}', '{"inputs": "a", "outputs": "b", "code": "c"}'),
    ],
)
def test_a_line_that_is_no_request_is_answered_with_an_error(line: str) -> None:
    (answer,) = answers(line)
    assert answer["kind"] == "UsageError"
    assert "is not understood" in answer["error"]
    assert '"inputs"' in answer["hint"]


@pytest.mark.parametrize("data", [None, b"", b"\x80\x04."])
def test_inputs_that_cannot_be_read_are_answered_with_an_error(
    tmp_path: Path, data: bytes | None
) -> None:
    source = tmp_path / "in.safetensors"
    if data is not None:
        source.write_bytes(data)
    request = json.dumps({"inputs": str(source), "outputs": str(tmp_path / "out")})
    first, second = answers(request, request)
    assert first == second
    assert "cannot be read" in first["error"]


def test_outputs_appear_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        tensorflow_worker, "predict", lambda model, arrays: {"doubled": arrays["x"] * 2}
    )
    save_file({"x": np.arange(3, dtype="f4")}, tmp_path / "in")
    good, bad = answers(
        json.dumps({"inputs": str(tmp_path / "in"), "outputs": str(tmp_path / "out")}),
        json.dumps({"inputs": str(tmp_path / "in"), "outputs": str(tmp_path / "no/out")}),
    )
    assert good["tensors"] == {"doubled": {"dtype": "float32", "shape": [3]}}
    assert load_file(tmp_path / "out")["doubled"].tolist() == [0.0, 2.0, 4.0]
    assert "cannot be written" in bad["error"]
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}


def test_in_the_ordinary_environment_it_names_the_recipe() -> None:
    folder = FIXTURES / "distilbert-token/safetensors"
    done = subprocess.run(
        [*WORKER, "TFAutoModelForTokenClassification", str(folder)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert answer["kind"] == "ToolError"
    assert answer["hint"] == tensorflow.RECIPE


def test_of_secureload_it_imports_the_errors_and_the_backstop_alone() -> None:
    probe = (
        "import sys, secureload.registry.tensorflow_worker; "
        "print(sorted(m for m in sys.modules if m.partition('.')[0] in "
        "('secureload', 'scanner', 'numpy', 'transformers', 'torch', 'click', 'msgspec')))"
    )
    shown = subprocess.run(
        [sys.executable, "-I", "-c", probe], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == str(
        [
            *("secureload", "secureload.errors", "secureload.registry"),
            *("secureload.registry.backstop", "secureload.registry.tensorflow"),
            "secureload.registry.tensorflow_worker",
        ]
    )
