"""A folder that was admitted loads as it is, and only while it is what was admitted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import secureload
from tests.builders import models

PROGRAM = "import sys; from safetensors.torch import load_file; load_file(sys.argv[1])"


def enforced(weights: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "secureload.cli", "run", "--", sys.executable, "-c", PROGRAM]
    return subprocess.run(
        [*command, weights],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_admitted_folder_that_was_changed_is_not_loaded(tmp_path: Path) -> None:
    source = tmp_path / "model"
    source.mkdir()
    for name, data in models.safe().items():
        (source / name).write_bytes(data)
    weights = secureload.admit(source).path / "model.safetensors"

    intact = enforced(weights)
    assert intact.returncode == 0, intact.stderr

    weights.chmod(0o644)
    weights.write_bytes(models.flipped(weights.read_bytes()))
    changed = enforced(weights)
    assert changed.returncode != 0
    assert "is not what was admitted" in changed.stderr


def test_a_program_may_ask_the_gate_itself(tmp_path: Path) -> None:
    source = tmp_path / "model"
    source.mkdir()
    for name, data in models.legacy().items():
        (source / name).write_bytes(data)
    asks = "import secureload, sys; print(secureload.admit(sys.argv[1]).path)"
    command = [sys.executable, "-m", "secureload.cli", "run", "--", sys.executable, "-c", asks]
    done = subprocess.run([*command, source], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert (Path(done.stdout.strip()) / "model.safetensors").is_file()
