"""What may befall two front ends and two workers on one PostgreSQL and one S3.

Whatever ends, stops or fails at whatever moment: no wrong byte is served, no admission is lost
or doubled. What clients see of such an installation is in the tests marked `EVERYWHERE`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download
from safetensors.numpy import load_file

from tests.builders import models
from tests.secureload.gateway.conftest import admissions
from tests.servers.cluster import Cluster, cluster
from tests.servers.cutting import Cutting
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo
from tests.servers.service import ask
from tests.servers.worker import is_alive

_OURS = ("SECURELOAD_", "HF_", "HUGGINGFACE_", "TRANSFORMERS_")
_WORKER = (
    *("--workers", "1", "--lease", "6", "--grace", "0"),
    *("--log-format", "json"),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    for name in os.environ:
        if name.startswith(_OURS):
            del os.environ[name]
    root = tmp_path_factory.mktemp("cluster")
    with LocalHub(root=root / "hub") as hub, cluster(root, hub, worker=_WORKER) as started:
        yield started


def until(what: Callable[[], bool]) -> None:
    """Wait for a state, however long a slow machine takes to reach it."""
    for _ in range(3_600):
        if what():
            return
        time.sleep(0.05)
    raise AssertionError("it never came to that")


def parts(url: str) -> dict[str, str]:
    """What a process says of its parts; nothing while it is starting."""
    with contextlib.suppress(OSError):
        found: dict[str, str] = ask(url).json["parts"]
        return found
    return {}


@dataclass(kw_only=True)
class Client:
    """Somebody who asks for a model, and asks again when told to."""

    cluster: Cluster
    name: str
    folder: Path
    got: list[Path] = field(default_factory=list)
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._ask)
        self.thread.start()

    def answer(self) -> Path:
        self.thread.join(200)
        assert self.got, f"{self.name} never came"
        return self.got[0]

    def _ask(self) -> None:
        for attempt in range(60):
            front = self.cluster.fronts[attempt % 2]
            with contextlib.suppress(Exception):
                where = {"endpoint": front.url, "cache_dir": self.folder / "client"}
                self.got.append(Path(snapshot_download(self.name, etag_timeout=120, **where)))
                return
            time.sleep(0.5)


def publish(cluster: Cluster, name: str) -> None:
    """Publish a model with pickled weights, and with bytes that the store does not have yet."""
    files = models.legacy()
    files["config.json"] += b"\n" * len(name)
    PublishedRepo(cluster.hub.root, name).commit(files)


@dataclass(kw_only=True)
class Held:
    """An admission that has come as far as its weights, and goes on when it is told to."""

    client: Client
    go_on: threading.Event

    def finish(self) -> Path:
        self.go_on.set()
        return self.client.answer()


def hold(cluster: Cluster, name: str, tmp_path: Path) -> Held:
    """Have a client ask for a model, and hold the worker where it fetches the weights."""
    publish(cluster, name)
    reached, go_on = threading.Event(), threading.Event()

    def action() -> None:
        reached.set()
        go_on.wait(200)

    cluster.hub.misbehave("call", f"/{name}/resolve/*/pytorch_model.bin", times=1, action=action)
    held = Held(client=Client(cluster=cluster, name=name, folder=tmp_path), go_on=go_on)
    assert reached.wait(120)
    return held


def is_the_model(folder: Path) -> bool:
    """Whether these are the tensors of the pickle that was published."""
    (folder.parent / "safe").mkdir(exist_ok=True)
    expected = folder.parent / "safe" / "model.safetensors"
    expected.write_bytes(models.safe()["model.safetensors"])
    ours, theirs = load_file(folder / "model.safetensors"), load_file(expected)
    return ours.keys() == theirs.keys() and all((ours[n] == theirs[n]).all() for n in ours)


def test_a_worker_killed_halfway_loses_nothing_and_its_orphan_publishes_nothing(
    made: Cluster, tmp_path: Path
) -> None:
    held = hold(made, "org/killed", tmp_path)
    victim = made.busy()
    orphans = victim.processes()[1:]
    victim.kill()  # the process that had begun the work lives on, and is late
    assert is_the_model(held.client.answer()), "the other worker did not take over"
    assert admissions(made.ledger, "org/killed") == 1
    held.go_on.set()  # now the late one goes on, to its end
    victim.start()
    until(lambda: not any(map(is_alive, orphans)))
    assert admissions(made.ledger, "org/killed") == 1
    made.sound()


@pytest.mark.parametrize("whole", [True, False], ids=["its-machine", "it-alone"])
def test_a_worker_stopped_past_its_lease_publishes_nothing_when_it_goes_on(
    made: Cluster, tmp_path: Path, whole: bool
) -> None:
    name = f"org/stopped-{whole}"
    held = hold(made, name, tmp_path)
    late = made.busy()
    children, before = late.processes()[1:], late.log().count("begins anew")
    late.freeze(whole=whole)
    assert is_the_model(held.client.answer()), "the other worker did not take over"
    held.go_on.set()
    if not whole:  # what it had begun goes on unwatched, and comes to the fence by itself
        until(lambda: not is_alive(children[-1]))
    assert admissions(made.ledger, name) == 1
    late.thaw()
    until(lambda: late.log().count("begins anew") > before)
    until(lambda: not any(map(is_alive, children)))
    assert admissions(made.ledger, name) == 1
    made.sound()

    (other,) = {*map(id, made.workers)} - {id(late)}  # and it works on
    other_worker = next(worker for worker in made.workers if id(worker) == other)
    other_worker.stop()
    try:
        publish(made, f"{name}-next")
        client = Client(cluster=made, name=f"{name}-next", folder=tmp_path / "next")
        assert is_the_model(client.answer())
    finally:
        other_worker.start()


def test_a_worker_told_to_end_gives_its_job_back(made: Cluster, tmp_path: Path) -> None:
    held = hold(made, "org/ended", tmp_path)
    ended = made.busy()
    try:
        assert ended.stop() == 0
        assert is_the_model(held.finish())
        assert admissions(made.ledger, "org/ended") == 1
    finally:
        ended.start()


def test_a_database_restarted_while_admissions_run_and_wait_loses_and_doubles_nothing(
    made: Cluster, tmp_path: Path
) -> None:
    running = [hold(made, f"org/running-{n}", tmp_path / f"running-{n}") for n in range(2)]
    waiting = []
    for number in range(3):
        publish(made, f"org/waiting-{number}")
        folder = tmp_path / f"waiting-{number}"
        waiting.append(Client(cluster=made, name=f"org/waiting-{number}", folder=folder))
    queued = "/api/secureload/v1/jobs?state=queued"
    until(lambda: len(made.fronts[0].ask(queued).json) == 3)
    made.server.restart()
    for held in running:
        held.go_on.set()
    for client in (*(held.client for held in running), *waiting):
        assert is_the_model(client.answer())
        assert admissions(made.ledger, client.name) == 1
    made.sound()


@pytest.mark.parametrize("how", ["read-only", "away"])
def test_a_store_that_takes_nothing_admits_nothing_until_it_is_mended(
    made: Cluster, tmp_path: Path, how: str
) -> None:
    name = f"org/unwritten-{how}"

    def tries() -> int:
        return sum(worker.log().count("tried again") for worker in made.workers)

    files = models.safe()
    files["config.json"] += b" " * (999 + len(how))  # bytes that no other front end has
    PublishedRepo(made.hub.root, f"org/warm-{how}").commit(files)
    warm = f"/org/warm-{how}/resolve/main/config.json"
    assert made.fronts[0].ask(warm).body == files["config.json"]

    held = hold(made, name, tmp_path)
    before = tries()
    if how == "away":
        made.store.stop()
    else:
        made.store.restart(read_only=True)
    try:
        held.go_on.set()
        until(lambda: tries() > before)
        worker, front = f"{made.workers[0].url}/readyz", f"{made.fronts[0].url}/readyz"
        until(lambda: "ok" not in parts(worker).get("store", "ok"))
        if how == "away":  # read-only is no trouble for those who read
            until(lambda: "ok" not in parts(front).get("objects", "ok"))
            ready = ask(front)
            assert (ready.status, ready.json["status"]) == (200, "degraded")
            # What lies on the front end is served, and what does not is not there yet.
            assert made.fronts[0].ask(warm).body == files["config.json"]
            cold = made.fronts[1].ask(warm)
            assert (cold.status, cold.headers["retry-after"]) == (503, "30")
        assert admissions(made.ledger, name) == 0
        assert held.client.got == []
    finally:
        made.store.restart()
    assert is_the_model(held.finish())
    assert admissions(made.ledger, name) == 1
    made.sound()


def test_a_worker_killed_in_the_middle_of_an_upload_loses_nothing(
    made: Cluster, tmp_path: Path
) -> None:
    weights = os.urandom(20 << 20)  # three parts of a multipart upload
    header = b'{"x":{"dtype":"U8","shape":[20971520],"data_offsets":[0,20971520]}}     '
    content = len(header).to_bytes(8, "little") + header + weights
    PublishedRepo(made.hub.root, "org/parts").commit(models.safe() | {"model.safetensors": content})
    one, other = made.workers
    other.stop()
    one.stop()
    plain = one.environment
    reached = threading.Event()

    def kill() -> None:
        if not reached.is_set():
            reached.set()
            one.kill()

    with Cutting(
        url_behind=made.store.environment["AWS_ENDPOINT_URL"],
        after=4 << 20,
        sending=True,
        times=1_000,
        before=kill,
    ) as relay:
        one.environment = {**plain, "AWS_ENDPOINT_URL": relay.url}
        one.start()
        client = Client(cluster=made, name="org/parts", folder=tmp_path)
        assert reached.wait(200)
        digest = hashlib.sha256(content).hexdigest()
        assert digest not in made.store.blobs()
        other.start()
        assert (client.answer() / "model.safetensors").read_bytes() == content
    one.environment = plain
    one.start()
    assert admissions(made.ledger, "org/parts") == 1
    made.sound()


def test_a_worker_tells_how_it_is_and_what_it_did(made: Cluster, tmp_path: Path) -> None:
    publish(made, "org/told")
    Client(cluster=made, name="org/told", folder=tmp_path).answer()
    for worker in made.workers:
        until(lambda worker=worker: parts(f"{worker.url}/readyz") != {})  # type: ignore[misc]
        assert ask(f"{worker.url}/livez").json == {"status": "ok"}
        ready = ask(f"{worker.url}/readyz")
        assert (ready.status, ready.json["status"]) == (200, "ok")
        assert set(ready.json["parts"]) == {"database", "store", "workers"}
        assert ask(f"{worker.url}/").status == 404
        assert ask(f"{worker.url}/livez", method="POST", body=b"").status == 405

    def ended() -> float:
        lines = "\n".join(ask(f"{one.url}/metrics").body.decode() for one in made.workers)
        found = [line for line in lines.splitlines() if 'kind="admit",state="admitted"' in line]
        return sum(float(line.split()[1]) for line in found if "_total" in line)

    until(lambda: ended() >= 1)
    said = [json.loads(line) for worker in made.workers for line in worker.log().splitlines()]
    assert any("org/told@main" in line["message"] for line in said)
    assert {line["level"] for line in said} <= {"info", "warning"}


def test_damaged_content_is_never_served(made: Cluster) -> None:
    files = models.safe()
    # Bytes of its own, so that no front end has a copy.
    files["config.json"] += b"\n" * 7
    PublishedRepo(made.hub.root, "org/damaged").commit(files)
    front = made.fronts[0]
    view = front.ask("/api/models/org/damaged")
    assert view.status == 200, view.body
    digest = hashlib.sha256(files["config.json"]).hexdigest()
    lies = made.store.blobs()[digest]
    whole = lies.read_bytes()
    lies.write_bytes(whole[:-1] + b"x")
    answer = front.ask("/org/damaged/resolve/main/config.json")
    assert answer.status == 503
    assert whole[:-1] not in answer.body
    lies.write_bytes(whole)
    answer = front.ask("/org/damaged/resolve/main/config.json")
    assert (answer.status, answer.body) == (200, whole)
