"""Ordinary programs keep working: processes, workers, caches, logging, a test run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parent / "programs" / "ordinary.py"
EXPECTED = {
    "fork": 9,
    "spawn": 9,
    "forkserver": 9,
    "pool": [1, 4],
    "executor": 5,
    "manager": 5,
    "dataloader": 14.0,
    "loky": [4, 9],
    "memory": 1.0,
    "shelve": {"plain": [1, 2, 3]},
    "save": True,
    "many": [0, 1, 2],
    "own": [7, 7],
    "pipe": 8,
    "logging": 9,
    "thread": [9],
    "lru_cache": 2,
    "pytest": 0,
    "child": "1",
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the program found when it ran under `secureload run`."""
    place = tmp_path_factory.mktemp("ordinary")
    subprocess.run(
        [
            *(sys.executable, "-m", "secureload.cli", "run", "--"),
            *(sys.executable, PROGRAM, place / "found.json"),
        ],
        env=os.environ | {"SECURELOAD_HOME": str(place / "home"), "OMP_NUM_THREADS": "1"},
        check=True,
    )
    found = json.loads((place / "found.json").read_text())
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("what", EXPECTED)
def test_an_ordinary_program_keeps_working(found: dict[str, Any], what: str) -> None:
    assert found[what] == EXPECTED[what]
