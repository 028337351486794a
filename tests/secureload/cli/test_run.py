"""`secureload run`: the program's own exit code, its own output, and the policy that was asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SHOW = "from secureload.enforce import state; print(state.current().policy)"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "secureload.cli", "run", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


def test_the_program_runs_under_the_policy_that_was_asked() -> None:
    done = run("--policy", "strict", "--", sys.executable, "-c", SHOW)

    assert done.stdout == "strict\n", done.stderr


def test_the_exit_code_is_the_programs_own() -> None:
    assert run("--", sys.executable, "-c", "raise SystemExit(7)").returncode == 7


def test_the_programs_options_are_its_own() -> None:
    done = run(sys.executable, "-c", "import sys; print(sys.argv[1:])", "--policy", "x", "-h")

    assert done.stdout == "['--policy', 'x', '-h']\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--policy", "nothing-like-it", "--", sys.executable, "-c", "print('ran')"],
        ["--", "there-is-no-such-program"],
    ],
)
def test_what_cannot_be_started_is_no_decision(arguments: list[str]) -> None:
    done = run(*arguments)

    assert done.returncode == 2
    assert "ran" not in done.stdout
    assert "Traceback" not in done.stderr
