"""The image's recipe: without a linter's complaint, and with everything that it copies."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RECIPE = (ROOT / "Dockerfile").read_text()


def test_the_linter_has_no_complaint() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, "Dockerfile"], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_copied_is_there_and_let_in() -> None:
    let_in = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = set()
    for line in re.findall(r"^COPY (?!--from)(.*)$", RECIPE, re.MULTILINE):
        copied |= set(line.split()[:-1])
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)


def test_it_runs_as_nobody_in_particular_and_tells_its_health() -> None:
    last = RECIPE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", last, re.MULTILINE)
    assert "HEALTHCHECK" in last
    assert last.index("USER ") < last.index("ENTRYPOINT")
