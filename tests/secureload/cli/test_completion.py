"""`secureload completion`: scripts that the shells accept, and completions that make sense."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.secureload.cli.shell import Shell, spawn


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell(shell: Shell, name: str) -> None:
    said = shell("completion", name)
    assert said.code == 0
    assert "_SECURELOAD_COMPLETE" in said.out


def test_bash_accepts_its_script(shell: Shell) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    script = shell("completion", "bash").out
    subprocess.run([bash, "-n"], input=script, text=True, check=True)


def test_verbs_and_options_are_completed() -> None:
    said = spawn(_SECURELOAD_COMPLETE="bash_complete", COMP_WORDS="secureload sc", COMP_CWORD="1")
    assert said.out.split() == ["plain,scan"]
    said = spawn(
        _SECURELOAD_COMPLETE="bash_complete", COMP_WORDS="secureload scan --sev", COMP_CWORD="2"
    )
    assert said.out.split() == ["plain,--severity-threshold"]
