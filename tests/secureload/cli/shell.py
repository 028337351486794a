"""A shell for tests: run the command line in this process, or in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from secureload.cli import answer

ROOT = Path(__file__).parents[3]
FIXTURES = ROOT / "tests" / "fixtures"
EVIL = b"\x80\x02cposix\nsystem\nX\x08\x00\x00\x00echo hi!\x85R."
"""A pickle that would print two letters, if anything ran it."""

MODEL = {path.name: path.read_bytes() for path in (FIXTURES / "distilbert-token/pt-zip").iterdir()}
"""A repository of a small DistilBERT whose weights are a torch zip file."""


@dataclass(frozen=True)
class Answer:
    """What the command line said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Shell = Callable[..., Answer]


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    """Run in this process; no exception may get out."""

    def ask(*arguments: str | Path) -> Answer:
        capsys.readouterr()
        code = answer([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Answer(code, said.out, said.err)

    return ask


def spawn(
    *arguments: str | Path, stdin: bytes = b"", cwd: Path | None = None, **environment: str
) -> Answer:
    """Run in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "secureload.cli", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        check=False,
        timeout=240,
    )
    return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())
