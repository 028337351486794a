"""Start the worker in its own environment, and talk to it as `docs/tensorflow.md` says."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "tests/fixtures"
PYTHON = ROOT / ".venv-tf/bin/python"


class Worker:
    """A worker process on one folder, used as a context; `ready` is what it says first."""

    def __init__(self, class_name: str, folder: Path, *options: str) -> None:
        self.command = [str(PYTHON), "-I", "-m", "secureload.registry.tensorflow_worker"]
        self.command += [class_name, str(folder), *options]

    def __enter__(self) -> Worker:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(self.command, stdin=pipe, stdout=pipe, text=True)
        try:
            first = self.heard()
            assert "ready" in first, first
        except BaseException:
            self.__exit__()
            raise
        self.ready = first["ready"]
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.left = self.process.stdout.read()
        self.process.stdout.close()
        self.status = self.process.wait(60)

    def heard(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        answer = json.loads(self.process.stdout.readline())
        assert isinstance(answer, dict)
        return answer

    def said(self, line: str) -> dict[str, Any]:
        """Send a line and return the answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.heard()

    def predict(self, inputs: dict[str, np.ndarray], scratch: Path) -> dict[str, np.ndarray]:
        """Run the model on arrays; `scratch` is a folder for the two files."""
        source, target = scratch / "inputs.safetensors", scratch / "outputs.safetensors"
        save_file(inputs, source)
        answer = self.said(json.dumps({"inputs": str(source), "outputs": str(target)}))
        assert answer.get("outputs") == str(target), answer
        outputs = load_file(target)
        described = {
            name: {"dtype": str(array.dtype), "shape": list(array.shape)}
            for name, array in outputs.items()
        }
        assert answer["tensors"] == described
        return outputs


def fails(class_name: str, folder: Path, *options: str) -> dict[str, Any]:
    """Start a worker that must not get ready, and return what it says instead."""
    worker = Worker(class_name, folder, *options)
    done = subprocess.run(
        worker.command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = done.stdout.splitlines()
    answer = json.loads(line)
    assert isinstance(answer, dict)
    return answer


def python(code: str, *arguments: object) -> str:
    """Run code in TensorFlow's environment and return what it prints."""
    done = subprocess.run(
        [str(PYTHON), "-I", "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def recorded(fixture: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The inputs of a fixture, and the outputs PyTorch gave for them."""
    arrays = load_file(FIXTURES / fixture / "expected.safetensors")
    inputs = {k.removeprefix("input."): v for k, v in arrays.items() if k.startswith("input.")}
    outputs = {k.removeprefix("pytorch."): v for k, v in arrays.items() if k.startswith("pytorch.")}
    return inputs, outputs
