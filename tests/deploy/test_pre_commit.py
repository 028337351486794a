"""The pre-commit hook, run by pre-commit itself on a repository with models in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.builders import models

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent
(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())


def ask(where: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
        "PRE_COMMIT_HOME": str(where.parent / "pre-commit"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example.org",
        "SECURELOAD_HOME": str(where.parent / "home"),
    }
    return subprocess.run(command, cwd=where, capture_output=True, text=True, env=environment)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository whose commits are checked by the hook, run from this environment."""
    where = tmp_path / "repository"
    where.mkdir()
    # Everything as published, but for where the program comes from: nothing is fetched here.
    hook: dict[str, Any] = {**HOOK, "language": "system"}
    config = {"repos": [{"repo": "local", "hooks": [hook]}]}
    (where / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    assert ask(where, "git", "init", "-q").returncode == 0
    assert ask(where, PROGRAMS / "pre-commit", "install").returncode == 0
    return where


def commit(where: Path, files: dict[str, bytes]) -> subprocess.CompletedProcess[str]:
    for name, data in files.items():
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        (where / name).write_bytes(data)
    assert ask(where, "git", "add", "--all").returncode == 0
    return ask(where, "git", "commit", "-qm", "models")


def test_the_manifest_is_valid() -> None:
    done = ask(ROOT, PROGRAMS / "pre-commit", "validate-manifest", ".pre-commit-hooks.yaml")
    assert done.returncode == 0, done.stdout


def test_a_sound_model_is_committed_and_a_malicious_one_is_not(repository: Path) -> None:
    sound = commit(repository, {f"model/{name}": data for name, data in models.safe().items()})
    assert sound.returncode == 0, sound.stdout + sound.stderr
    assert "secureload scan" in sound.stderr + sound.stdout
    evil = commit(repository, {f"evil/{n}": d for n, d in models.malicious("true").items()})
    assert evil.returncode != 0
    said = (evil.stdout + evil.stderr).replace("\n", "")
    assert "hook id: secureload-scan" in said
    assert "deny under policy `default`" in said
    assert ask(repository, "git", "log", "--format=%s").stdout.split() == ["models"]


def test_what_is_no_model_is_not_scanned(repository: Path) -> None:
    done = commit(repository, {"README.md": b"words", "program.py": b"print()"})
    assert done.returncode == 0
    assert "no files to check" in (done.stdout + done.stderr)
