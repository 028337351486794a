"""The GitHub Action: valid, and its own steps run by bash as a runner would."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.builders import models

ROOT = Path(__file__).parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"] if "name" in step}


def test_it_is_valid() -> None:
    program = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [program, "--builtin-schema", "vendor.github-actions", "action.yml"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout


def test_no_input_is_part_of_a_program() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def run(name: str, tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """One step, in the shell that a runner starts for `shell: bash`."""
    step = STEPS[name]
    assert step["shell"] == "bash"
    assert set(variables) == set(step["env"])
    temporary = tmp_path / "runner"
    if not temporary.exists():
        temporary.mkdir()
        (temporary / "secureload").symlink_to(Path(sys.executable).parent.parent)
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "RUNNER_TEMP": str(temporary),
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            **variables,
        },
    )


@pytest.mark.parametrize(
    ("paths", "arguments", "decision"),
    [
        ("sound model\n", "", "allow"),
        ("sound model\nevil", "", "deny"),
        ("missing", "", "error"),
        ("sound model", "--no-such-option", "error"),
        ("evil", "--exclude\n*.bin", "allow"),
        ("$(touch fired); `touch fired`", "", "error"),
    ],
)
def test_it_scans_and_decides(tmp_path: Path, paths: str, arguments: str, decision: str) -> None:
    for name, files in (("sound model", models.safe()), ("evil", models.malicious("true"))):
        (tmp_path / name).mkdir()
        for file, data in files.items():
            (tmp_path / name / file).write_bytes(data)
    said = {"PATHS": paths, "POLICY": "default", "ARGUMENTS": arguments, "SARIF": "out.sarif"}
    scanned = run("Scan", tmp_path, **said)
    assert scanned.returncode == 0, scanned.stderr
    assert (tmp_path / "output").read_text() == f"decision={decision}\n"
    if decision == "deny":
        report = json.loads((tmp_path / "out.sarif").read_text())
        assert report["version"] == "2.1.0"
        assert report["runs"][0]["results"]
    ended = run("Decide", tmp_path, DECISION=decision)
    assert (ended.returncode == 0) == (decision == "allow")
    assert not (tmp_path / "fired").exists()


def test_it_installs_what_lies_beside_it() -> None:
    text = STEPS["Install"]["run"]
    assert '"$ACTION_PATH"' in text
    assert STEPS["Install"]["env"]["ACTION_PATH"] == "${{ github.action_path }}"
    assert (ROOT / "constraints.txt").exists()
