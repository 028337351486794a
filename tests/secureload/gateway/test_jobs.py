"""Jobs: a worker that dies is a failed job with a reason, and the service ends tidily."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.builders import models
from tests.secureload.gateway.test_api import API, post
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo
from tests.servers.service import Service


@dataclass(kw_only=True)
class Slow:
    """A service whose hub holds back weights until it is told to go on."""

    hub: LocalHub
    service: Service
    reached: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def hold(self) -> None:
        self.reached.set()
        self.go_on.wait(200)

    def job(self, name: str = "org/model") -> dict[str, Any]:
        """Ask for an admission, and wait until its worker fetches weights."""
        job: dict[str, Any] = post(self.service, "/admissions", {"repository": name}).json
        assert self.reached.wait(200)
        return job

    def workers(self) -> list[int]:
        """The processes that work: children of the process that they are forked from."""
        assert self.service.process is not None
        servers = children(self.service.process.pid)
        return [worker for server in servers for worker in children(server)]

    def end_of(self, job: dict[str, Any]) -> dict[str, Any]:
        for _ in range(2_400):
            shown: dict[str, Any] = self.service.ask(f"{API}/jobs/{job['id']}").json
            if shown["state"] not in {"queued", "running"}:
                return shown
            time.sleep(0.05)
        raise AssertionError(shown)


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Slow]:
    with LocalHub(root=tmp_path / "hub") as hub:
        for name in ("org/model", "org/other"):
            PublishedRepo(hub.root, name).commit(models.safe())
        with Service(
            home=tmp_path / "home",
            upstream=hub.url,
            options=("--wait", "0.2", "--workers", "1"),
        ) as service:
            made = Slow(hub=hub, service=service)
            hub.misbehave("call", "/org/model/resolve/*/model.safetensors", action=made.hold)
            yield made
            made.go_on.set()


def test_a_worker_that_dies_is_a_failed_job_and_the_next_is_fine(slow: Slow) -> None:
    job = slow.job()
    (worker,) = [pid for pid in slow.workers() if slow_worker(pid)]
    os.kill(worker, signal.SIGKILL)

    failed = slow.end_of(job)

    assert failed["state"] == "failed"
    assert "signal 9" in failed["outcome"]["message"]
    slow.go_on.set()
    again = post(slow.service, "/admissions", {"repository": "org/model", "wait": 120}).json
    assert again["state"] == "admitted"


def slow_worker(pid: int) -> bool:
    """Not multiprocessing's own tracker of resources, which has no work of ours."""
    return "resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_text()


def test_a_job_that_has_ended_holds_no_pipe(slow: Slow) -> None:
    slow.go_on.set()
    process = slow.service.process
    assert process is not None

    def pipes() -> int:
        found = 0
        for link in Path(f"/proc/{process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed in the meantime
                found += str(link.readlink()).startswith("pipe:")
        return found

    def admit(name: str) -> None:
        job = post(slow.service, "/admissions", {"repository": name, "wait": 120}).json
        assert job["state"] == "admitted"

    admit("org/model")
    before = pipes()
    admit("org/other")
    PublishedRepo(slow.hub.root, "org/third").commit(models.safe())
    admit("org/third")
    assert pipes() == before


def test_who_has_to_wait_is_told_when_to_ask_again(slow: Slow) -> None:
    slow.job()

    first = slow.service.ask("/api/models/org/model")
    behind = slow.service.ask("/api/models/org/other")

    assert (first.status, first.json["place"]) == (503, 0)
    assert (behind.status, behind.json["place"]) == (503, 1)
    assert int(behind.headers["retry-after"]) > 0
    place = slow.service.ask(behind.headers["location"])
    assert place.json["state"] == "queued"
    slow.go_on.set()
    while slow.service.ask("/api/models/org/other").status == 503:
        pass
    assert slow.service.ask("/api/models/org/other").status == 200


def test_a_service_told_to_end_ends_and_tidies_up(slow: Slow, tmp_path: Path) -> None:
    slow.job()

    assert slow.service.stop() == 0

    quarantine = tmp_path / "home" / "quarantine"
    assert [path for path in quarantine.iterdir() if path.is_dir() and any(path.iterdir())] == []
    slow.go_on.set()
    with Service(home=tmp_path / "home", upstream=slow.hub.url) as service:
        (job,) = service.ask(f"{API}/jobs").json
        assert job["state"] == "failed"
        assert "stopped" in job["outcome"]["message"]
        done = post(service, "/admissions", {"repository": "org/model", "wait": 120}).json
        assert done["state"] == "admitted"
