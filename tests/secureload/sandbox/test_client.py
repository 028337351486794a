"""The server of workers: fresh ones in parallel, and nothing left when anyone is gone."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import scanner
from scanner import Status
from secureload import gate
from secureload.errors import IntegrityError, Refused
from secureload.sandbox import Sandbox, Tier, client
from secureload.sandbox.client import Client
from secureload.sandbox.converting import ConversionLostError
from secureload.sandbox.jobs import Scanning
from secureload.sandbox.probe import probe
from secureload.sandbox.worker import SandboxError
from tests.builders import models
from tests.secureload.cli.shell import FIXTURES

ROOT = FIXTURES / "distilbert-token" / "pt-zip"


@pytest.fixture(scope="module")
def served() -> Iterator[Client]:
    made = Client()
    yield made
    made.close()


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until(held: object, seconds: float = 30) -> bool:
    """Wait until a claim holds."""
    assert callable(held)
    end = time.monotonic() + seconds
    while not held():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def test_a_report_is_the_same_as_without(served: Client, scratch: Path) -> None:
    confined = Sandbox(served.spawn, scratch, jobs=2)
    assert scanner.scan([ROOT], examine=confined.examine) == scanner.scan([ROOT])
    assert confined.tier is probe().tier
    assert list(scratch.iterdir()) == []


def test_many_threads_get_workers_of_their_own(served: Client, scratch: Path) -> None:
    reports = []

    def one() -> None:
        confined = Sandbox(served.spawn, scratch)
        reports.append(scanner.scan([ROOT], examine=confined.examine))

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reports == [scanner.scan([ROOT])] * 6
    assert until(lambda: children(served._process.pid) == [])


def _job(scratch: Path) -> Scanning:
    return Scanning(options=scanner.engine.Options(), readable=(), scratch=str(scratch), largest=0)


def test_the_server_has_one_thread_an_empty_environment_and_few_descriptors(
    served: Client, scratch: Path
) -> None:
    served.spawn(_job(scratch)).close()
    home = Path(f"/proc/{served._process.pid}")
    assert len(list((home / "task").iterdir())) == 1
    names = {line.partition("=")[0] for line in (home / "environ").read_text().split("\0") if line}
    assert names <= {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "LC_CTYPE"}
    assert len(list((home / "fd").iterdir())) < 12


def test_a_killed_worker_leaves_nothing(served: Client, scratch: Path) -> None:
    worker = served.spawn(_job(scratch))
    (pid,) = children(served._process.pid)
    os.kill(pid, signal.SIGKILL)
    assert until(lambda: children(served._process.pid) == [])
    worker.close()


def test_a_forgotten_worker_ends(served: Client, scratch: Path) -> None:
    worker = served.spawn(_job(scratch))
    worker._process._socket.close()  # type: ignore[attr-defined]
    worker._channel.close()
    assert until(lambda: children(served._process.pid) == [])


def test_a_dead_server_is_replaced(monkeypatch: pytest.MonkeyPatch, scratch: Path) -> None:
    monkeypatch.setattr(client, "_client", None)
    first = client.serve()
    assert client.serve() is first
    os.kill(first._process.pid, signal.SIGKILL)
    first._process.wait()
    second = client.serve()
    assert second is not first
    second.spawn(_job(scratch)).close()
    client._stop()
    gc.collect()


def test_workers_end_with_their_server(scratch: Path) -> None:
    made = Client()
    worker = made.spawn(_job(scratch))
    (pid,) = children(made._process.pid)
    os.kill(made._process.pid, signal.SIGKILL)
    made._process.wait()
    assert until(lambda: not Path(f"/proc/{pid}/exe").exists())
    worker.close()
    with pytest.raises(SandboxError):
        made.spawn(_job(scratch))
    made.close()


def test_a_forked_process_starts_its_own(monkeypatch: pytest.MonkeyPatch, scratch: Path) -> None:
    monkeypatch.setattr(client, "_client", None)
    ours = client.serve()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            theirs = client.serve()
            theirs.spawn(_job(scratch)).close()
            code = 0 if theirs is not ours else 2
            client._stop()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    ours.spawn(_job(scratch)).close()
    client._stop()


def test_a_job_that_no_server_knows_ends_it_and_not_the_gate(scratch: Path) -> None:
    from tests.secureload.sandbox.hostile import Hostile

    made = Client()
    with pytest.raises((SandboxError, TypeError)):
        made.spawn(Hostile(act=lambda _: None))  # a function is no data
    made.close()


MISLED = """
import os, time
from secureload.sandbox import jobs, conversions
from secureload.convert import folder
honest, honest_convert = jobs.examine, folder.convert_folder

def examine(found, options):
    if found.shown == "evil.txt":
        what = open(found.path).read().strip()
        if what == "die":
            os.kill(os.getpid(), 11); import ctypes; ctypes.string_at(0)
        if what == "eat":
            bytearray(1 << 40)
    return honest(found, options)

def convert_folder(given, staging, **options):
    what = (given.root / "evil.txt").read_text().strip()
    if what == "die-converting":
        os._exit(3)
    files, conversions = honest_convert(given, staging, **options)
    if what == "add":
        (staging / "pytorch_model.bin").write_bytes(b"\\x80\\x04N.")
    if what == "swap":
        (staging / "evil.txt").write_text("something else")
    if what == "config":
        text = (staging / "config.json").read_text()
        text = text.replace("{", '{"auto_map": {"AutoModel": "evil.Evil"},', 1)
        (staging / "config.json").write_text(text)
        files = tuple(type(f)(path=f.path, size=len(text), sha256=f.sha256)
                      if f.path == "config.json" else f for f in files)
    if what == "name":
        far = ("../../etc/passwd",)
        conversions = tuple(type(c)(converter=c.converter, inputs=far, outputs=c.outputs)
                            for c in conversions)
    return files, conversions

jobs.examine, folder.convert_folder = examine, convert_folder
"""


@pytest.fixture(scope="module")
def misled() -> Iterator[Client]:
    """A server whose workers have been taken over by what is in `evil.txt`."""
    start = client._START.replace("from secureload", MISLED + "\nfrom secureload", 1)
    made = Client(start)
    yield made
    made.close()


def _admit(tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch, misled: Client) -> None:
    monkeypatch.setattr(client, "_client", misled)
    folder = tmp_path / "model"
    folder.mkdir()
    for name, data in {**models.legacy(), "evil.txt": what.encode()}.items():
        (folder / name).write_bytes(data)
    gate.admit(folder)


@pytest.mark.parametrize("what", ["die", "eat"])
def test_a_file_that_ends_its_worker_is_refused_as_unreadable(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, misled: Client
) -> None:
    with pytest.raises(Refused) as refused:
        _admit(tmp_path, what, monkeypatch, misled)

    assert refused.value.report is not None
    failed = [file for file in refused.value.report if file.status is Status.FAILED]
    assert [file.path for file in failed] == ["evil.txt"]
    assert "confined worker" in failed[0].findings[0].message
    assert refused.value.verdict.rules == {"unreadable-file"}


def test_a_conversion_that_ends_its_worker_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, misled: Client
) -> None:
    with pytest.raises(ConversionLostError, match="code 3"):
        _admit(tmp_path, "die-converting", monkeypatch, misled)
    assert gate.open_gate().cache.entries() == ()


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("add", "files differ from those named"),
        ("swap", "bytes long, not"),
        ("config", "still holds what is scrubbed"),
        ("name", "it was not given"),
    ],
)
def test_what_a_misled_converter_makes_is_not_kept(
    what: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, misled: Client
) -> None:
    with pytest.raises(IntegrityError, match=why):
        _admit(tmp_path, what, monkeypatch, misled)
    assert gate.open_gate().cache.entries() == ()


def test_an_admission_says_in_which_tier_it_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: Client
) -> None:
    monkeypatch.setattr(client, "_client", served)
    folder = tmp_path / "model"
    folder.mkdir()
    for name, data in models.legacy().items():
        (folder / name).write_bytes(data)

    entry = gate.admit(folder)

    from sqlalchemy import text

    with gate.open_gate().cache._database.read() as session:
        found = session.execute(text("select confinement from verdicts")).scalars().all()
    assert found == [probe().tier.value]
    assert probe().tier is not Tier.NONE
    assert entry.path.exists()
