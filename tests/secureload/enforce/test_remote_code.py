"""`trust_remote_code=True` runs no Python of a repository in an enforced program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.builders import coded

PROGRAM = """
import json, sys, transformers
from transformers.dynamic_module_utils import get_class_from_dynamic_module as by_hand

def attempt(load):
    try:
        return type(load()).__name__
    except Exception as error:
        return type(error).__name__

folder = sys.argv[2]
found = {
    "asked": attempt(
        lambda: transformers.AutoModel.from_pretrained(folder, trust_remote_code=True)
    ),
    "config": attempt(
        lambda: transformers.AutoConfig.from_pretrained(folder, trust_remote_code=True)
    ),
    "by hand": attempt(lambda: by_hand("modeling_coded.CodedModel", folder)),
}
json.dump(found, open(sys.argv[1], "w"))
"""


def test_trust_remote_code_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    model = coded.coded(tmp_path / "model")
    for path in model.glob("*.py"):
        with path.open("a") as file:
            file.write(f"\nopen({str(tmp_path / 'ran')!r}, 'w')\n")
    results = tmp_path / "results.json"

    subprocess.run(
        [
            *(sys.executable, "-m", "secureload.cli", "run", "--"),
            *(sys.executable, "-c", PROGRAM, results, model),
        ],
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )

    assert json.loads(results.read_text()) == dict.fromkeys(
        ("asked", "config", "by hand"), "Refused"
    )
    assert not (tmp_path / "ran").exists()
