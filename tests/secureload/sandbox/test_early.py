"""A worker that is begun before its job is known: used, or gone without a trace."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import scanner
from secureload.convert import convert_path
from secureload.sandbox import Sandbox, Tier, worker
from secureload.sandbox.conversions import PathConversion
from secureload.sandbox.jobs import Scanning
from tests.secureload.cli.shell import EVIL, ROOT


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Nothing stays open and no child stays behind."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    yield
    worker.end()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def children() -> set[int]:
    task = Path(f"/proc/self/task/{os.getpid()}/children")
    return {int(pid) for pid in task.read_text().split()}


@pytest.mark.usefixtures("descriptors")
def test_it_takes_the_first_job_and_later_ones_get_their_own(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.pkl").write_bytes(EVIL)
    scratch = tmp_path.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    plain = scanner.scan([tmp_path])
    before = children()
    worker.begin(Scanning)
    (begun,) = children() - before
    used: list[int] = []

    def spawn(job: worker.Job) -> worker.Worker:
        started = worker.fork(job)
        used.append(started._process.pid)
        return started

    confined = Sandbox(spawn, scratch, jobs=2)
    assert scanner.scan([tmp_path], examine=confined.examine) == plain
    assert used[0] == begun
    assert begun not in used[1:]
    assert len(used) == 2
    assert confined.tier is not Tier.NONE
    assert children() == before


@pytest.mark.usefixtures("descriptors")
def test_it_is_confined_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(EVIL)
    tiers = []
    for begin in (False, True):
        if begin:
            worker.begin(Scanning)
        confined = Sandbox(worker.fork, tmp_path)
        scanner.scan([tmp_path / "a.pkl"], examine=confined.examine)
        tiers.append(confined.tier)
    assert tiers[0] is tiers[1]


@pytest.mark.usefixtures("descriptors")
def test_a_conversion_takes_one_that_was_begun_for_it_and_no_other(tmp_path: Path) -> None:
    source = tmp_path / "pytorch_model.bin"
    torch.save({"weight": torch.arange(6.0)}, source)
    for kind, taken in ((PathConversion, True), (Scanning, False)):
        worker.end()
        before = children()
        worker.begin(kind)
        (begun,) = children() - before
        used: list[int] = []

        def spawn(job: worker.Job, used: list[int] = used) -> worker.Worker:
            started = worker.fork(job)
            used.append(started._process.pid)
            return started

        confined = Sandbox(spawn, tmp_path)
        target = tmp_path / f"{kind.__name__}.safetensors"
        convert_path(source, target, through=confined.make_path)
        assert load_file(target)["weight"].tolist() == [0, 1, 2, 3, 4, 5]
        assert (used == [begun]) is taken
        assert (begun in children()) is not taken


@pytest.mark.usefixtures("descriptors")
def test_without_a_job_it_ends() -> None:
    before = children()
    worker.begin(Scanning)
    worker.begin(Scanning)
    assert len(children() - before) == 1
    worker.end()
    worker.end()
    assert children() == before


@pytest.mark.usefixtures("descriptors")
def test_a_lost_one_is_said_and_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(EVIL)
    before = children()
    worker.begin(Scanning)
    (begun,) = children() - before
    os.kill(begun, signal.SIGKILL)
    confined = Sandbox(worker.fork, tmp_path)
    with pytest.raises(worker.SandboxError, match="no confined worker"):
        scanner.scan([tmp_path / "a.pkl"], examine=confined.examine)
    assert children() == before


TRACED = """
import os, sys
from secureload.sandbox import worker
fork = worker._fork
def told(be):
    child, *ends = fork(be)
    print(child.pid, file=open(sys.argv[1], "w"))
    return (child, *ends)
worker._fork = told
from secureload.cli import main
main(sys.argv[2:])
"""


def start(note: Path, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", TRACED, str(note), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, **environment},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def gone(pid: int) -> bool:
    """Whether a process ends within a while."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":  # whoever adopts it here may not look after it
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["scan"], 2),
        (["scan", "--frobnicate"], 2),
        (["scan", "/nothing/there"], 2),
        (["scan", "--policy", "/nothing/there", "."], 2),
        (["scan", "--exclude", "*", "policies"], 2),
        (["scan", "policies"], 0),
        (["scan", "--jobs", "3", "policies"], 0),
        (["convert"], 2),
        (["convert", "/nothing/there", "/nothing/made.safetensors"], 2),
        (["convert", "policies", "policies"], 2),
    ],
    ids=lambda it: " ".join(it) if isinstance(it, list) else None,
)
def test_the_command_line_leaves_none_behind(
    tmp_path: Path, arguments: list[str], code: int
) -> None:
    note = tmp_path / "pid"
    with start(note, *arguments) as process:
        process.communicate(timeout=120)
    assert process.returncode == code
    assert gone(int(note.read_text()))


@pytest.mark.parametrize(
    "arguments",
    [
        ["scan", "--help"],
        ["convert", "--help"],
        ["convert", "--verify"],
        ["rules", "list"],
        ["--version"],
        ["policy", "show"],
    ],
    ids=" ".join,
)
def test_no_other_verb_begins_one(tmp_path: Path, arguments: list[str]) -> None:
    note = tmp_path / "pid"
    with start(note, *arguments) as process:
        process.communicate(timeout=120)
    assert not note.exists()


def test_a_service_that_does_the_work_needs_none(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    with start(note, "scan", ".", SECURELOAD_SERVER="http://127.0.0.1:9") as process:
        process.communicate(timeout=120)
    assert not note.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_its_parent_whatever_ends_that(tmp_path: Path, number: int) -> None:
    note = tmp_path / "pid"
    with start(note, "scan", "-") as process:
        end = time.monotonic() + 60
        while not (note.exists() and note.read_text().strip()):
            assert time.monotonic() < end
            time.sleep(0.02)
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode in (128 + number, -number)
    assert gone(int(note.read_text()))


def test_the_report_is_the_same_as_without(tmp_path: Path) -> None:
    for name in ("a.pkl", "b.txt"):
        (tmp_path / name).write_bytes(EVIL)
    said = []
    for entry in ("main", "answer"):
        code = f"import sys; from secureload.cli import {entry}; {entry}(sys.argv[1:])"
        done = subprocess.run(
            [sys.executable, "-c", code, "scan", str(tmp_path), "--format", "json"],
            capture_output=True,
            cwd=ROOT,
            check=False,
        )
        said.append(json.loads(done.stdout))
    assert said[0] == said[1]
