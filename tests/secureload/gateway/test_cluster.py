"""Two front ends and two workers on one PostgreSQL and one S3, and what may befall them.

Whatever ends at whatever moment: no wrong byte is served, no admission is lost or doubled.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download
from safetensors.numpy import load_file

from secureload.cache import TrustedCache
from secureload.ledger.database import Database
from secureload.ledger.service import audit_rows
from tests.builders import models
from tests.servers.hub import LocalHub
from tests.servers.postgres import Postgres
from tests.servers.repos import PublishedRepo
from tests.servers.s3 import S3
from tests.servers.service import ROOT, Service
from tests.servers.worker import WorkerProcess

HF = Path(sys.executable).with_name("hf")
WAIT = ("--wait", "120")
_OURS = ("SECURELOAD_", "HF_", "HUGGINGFACE_", "TRANSFORMERS_")


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """An installation as on four machines: each process has a home of its own."""

    root: Path
    hub: LocalHub
    database: Postgres
    url: str
    store: S3
    environment: dict[str, str]
    fronts: tuple[Service, Service]
    workers: tuple[WorkerProcess, WorkerProcess]

    def publish(self, name: str, files: dict[str, bytes]) -> str:
        return PublishedRepo(self.hub.root, name).commit(files)

    def admitted(self, name: str) -> int:
        """How often a model's admission is in the audit log."""
        nowhere = self.root / "nowhere"
        with Database(nowhere, nowhere, self.url).read() as session:
            rows = audit_rows(session, since=0, limit=10_000)
        return sum(
            row["event"] == "admitted" and row["detail"]["repository"] == name for row in rows
        )

    def fetched(self, name: str, commit: str, file: str) -> int:
        return self.hub.count(f"/{name}/resolve/{commit}/{file}")

    def busy(self) -> WorkerProcess:
        """The worker that is at a job now."""
        for _ in range(600):
            for worker in self.workers:
                if worker.is_busy():
                    return worker
            time.sleep(0.05)
        raise AssertionError("no worker is at work")

    def sound(self) -> None:
        """Everything on record, and every byte in the store, is what it should be."""
        cache = TrustedCache(self.root / "auditor", database=self.url, storage=self.store.url)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.store.environment.items():
                patch.setenv(name, value)
            assert cache.verify() == []


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    for name in os.environ:
        if name.startswith(_OURS):
            del os.environ[name]
    root = tmp_path_factory.mktemp("cluster")
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(LocalHub(root=root / "hub"))
        database = stack.enter_context(Postgres())
        store = stack.enter_context(S3(root / "s3"))
        url = database.database()
        environment = {
            "SECURELOAD_DATABASE": url,
            "SECURELOAD_STORAGE": store.url,
            "OMP_NUM_THREADS": "1",
            **store.environment,
        }
        fronts, workers = [], []
        for number in (1, 2):
            (root / f"front-{number}").mkdir()
            front = Service(
                home=root / f"front-{number}" / "home",
                upstream=hub.url,
                options=WAIT,
                environment=environment,
            )
            worker = WorkerProcess(
                home=root / f"worker-{number}",
                environment=environment,
                options=("--workers", "1", "--lease", "3", "--grace", "0"),
            )
            fronts.append(stack.enter_context(front))
            workers.append(stack.enter_context(worker))
        yield Cluster(
            root=root,
            hub=hub,
            database=database,
            url=url,
            store=store,
            environment=environment,
            fronts=(fronts[0], fronts[1]),
            workers=(workers[0], workers[1]),
        )


@dataclass(kw_only=True)
class Held:
    """An admission that has come as far as its weights, and goes on when it is told to."""

    reached: threading.Event
    go_on: threading.Event
    client: threading.Thread
    got: list[Path]

    def finish(self) -> Path:
        self.go_on.set()
        self.client.join(120)
        assert self.got, "the client has nothing"
        return self.got[0]


def hold(cluster: Cluster, name: str, tmp_path: Path) -> Held:
    """Have a client ask for a model, and stop the worker where it fetches the weights."""
    files = models.legacy()
    files["config.json"] += b"\n" * len(name)  # bytes that the store does not have yet
    cluster.publish(name, files)
    held = Held(
        reached=threading.Event(),
        go_on=threading.Event(),
        client=threading.Thread(target=lambda: None),
        got=[],
    )

    def action() -> None:
        held.reached.set()
        held.go_on.wait(120)

    cluster.hub.misbehave("call", f"/{name}/resolve/*/pytorch_model.bin", times=1, action=action)
    held.client = threading.Thread(target=lambda: held.got.append(patient(cluster, name, tmp_path)))
    held.client.start()
    assert held.reached.wait(120)
    return held


def patient(cluster: Cluster, name: str, tmp_path: Path) -> Path:
    """What a client does that tries again when it is told to."""
    for attempt in range(60):
        with contextlib.suppress(Exception):
            return Path(
                snapshot_download(
                    name,
                    endpoint=cluster.fronts[attempt % 2].url,
                    cache_dir=tmp_path / "patient",
                    etag_timeout=120,
                )
            )
        time.sleep(0.5)
    raise AssertionError(f"{name} never came")


def is_the_model(folder: Path) -> bool:
    """Whether these are the tensors of the pickle that was published."""
    (folder.parent / "safe").mkdir(exist_ok=True)
    expected = folder.parent / "safe" / "model.safetensors"
    expected.write_bytes(models.safe()["model.safetensors"])
    ours, theirs = load_file(folder / "model.safetensors"), load_file(expected)
    return ours.keys() == theirs.keys() and all((ours[n] == theirs[n]).all() for n in ours)


def download(front: Service, tmp_path: Path, *arguments: str) -> tuple[int, str]:
    own = {"HF_ENDPOINT": front.url, "HF_HOME": str(tmp_path / "client"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [str(HF), "download", *arguments],
        env={**os.environ, **own, "HF_HUB_ETAG_TIMEOUT": "120"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_hf_download_of_a_pickled_model_from_either_front_end(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.publish("org/legacy", models.legacy())
    got = []
    for number, front in enumerate(cluster.fronts):
        target = tmp_path / str(number)
        code, said = download(
            front, tmp_path / f"home-{number}", "org/legacy", "--local-dir", str(target)
        )
        assert code == 0, said
        assert not (target / "pytorch_model.bin").exists()
        assert is_the_model(target)
        got.append((target / "model.safetensors").read_bytes())
    assert got[0] == got[1]
    assert cluster.admitted("org/legacy") == 1
    cluster.sound()


def test_a_malicious_model_is_refused_with_reasons(cluster: Cluster, tmp_path: Path) -> None:
    cluster.publish("org/evil", models.malicious(f"touch {tmp_path / 'fired'}"))
    code, said = download(cluster.fronts[1], tmp_path, "org/evil")
    assert code != 0
    assert "posix.system" in said
    assert not (tmp_path / "fired").exists()
    assert cluster.admitted("org/evil") == 0


def test_twenty_clients_at_two_front_ends_cause_one_admission(
    cluster: Cluster, tmp_path: Path
) -> None:
    commit = cluster.publish("org/cold", models.legacy())

    def fetch(number: int) -> bytes:
        got = snapshot_download(
            "org/cold",
            endpoint=cluster.fronts[number % 2].url,
            cache_dir=tmp_path / f"client-{number}",
            etag_timeout=120,
        )
        return (Path(got) / "model.safetensors").read_bytes()

    with ThreadPoolExecutor(20) as clients:
        got = set(clients.map(fetch, range(20)))
    assert len(got) == 1
    assert cluster.fetched("org/cold", commit, "pytorch_model.bin") == 1
    assert cluster.admitted("org/cold") == 1


def test_a_worker_killed_halfway_loses_nothing_and_its_orphan_publishes_nothing(
    cluster: Cluster, tmp_path: Path
) -> None:
    held = hold(cluster, "org/killed", tmp_path)
    victim = cluster.busy()
    victim.kill()  # the process that had begun the work lives on, and is late
    held.client.join(120)
    assert held.got, "the other worker did not take over"
    assert cluster.admitted("org/killed") == 1
    held.go_on.set()  # now the late one goes on, to its end
    victim.start()
    time.sleep(2)
    assert is_the_model(held.got[0])
    assert cluster.admitted("org/killed") == 1
    cluster.sound()


def test_a_worker_told_to_end_gives_its_job_back(cluster: Cluster, tmp_path: Path) -> None:
    held = hold(cluster, "org/ended", tmp_path)
    ended = cluster.busy()
    try:
        assert ended.stop() == 0
        assert is_the_model(held.finish())
        assert cluster.admitted("org/ended") == 1
    finally:
        ended.start()


def test_a_database_restarted_halfway_loses_and_doubles_nothing(
    cluster: Cluster, tmp_path: Path
) -> None:
    held = hold(cluster, "org/restarted", tmp_path)
    cluster.database.restart()
    assert is_the_model(held.finish())
    assert cluster.admitted("org/restarted") == 1
    cluster.sound()


def test_a_store_that_refuses_to_write_admits_nothing_until_it_is_mended(
    cluster: Cluster, tmp_path: Path
) -> None:
    held = hold(cluster, "org/unwritten", tmp_path)
    cluster.store.restart(read_only=True)
    held.go_on.set()
    try:
        for _ in range(600):
            if any("tried again" in worker.log() for worker in cluster.workers):
                break
            time.sleep(0.1)
        assert cluster.admitted("org/unwritten") == 0
        assert held.got == []
    finally:
        cluster.store.restart()
    assert is_the_model(held.finish())
    assert cluster.admitted("org/unwritten") == 1
    cluster.sound()


def test_damaged_content_is_never_served(cluster: Cluster, tmp_path: Path) -> None:
    files = models.safe()
    # Bytes of its own, so that no front end has a copy.
    files["config.json"] += b"\n" * 7
    cluster.publish("org/damaged", files)
    front = cluster.fronts[0]
    view = front.ask("/api/models/org/damaged")
    assert view.status == 200, view.body
    digest = hashlib.sha256(files["config.json"]).hexdigest()
    lies = cluster.store.blobs()[digest]
    whole = lies.read_bytes()
    lies.write_bytes(whole[:-1] + b"x")
    answer = front.ask("/org/damaged/resolve/main/config.json")
    assert answer.status == 503
    assert whole[:-1] not in answer.body
    lies.write_bytes(whole)
    answer = front.ask("/org/damaged/resolve/main/config.json")
    assert (answer.status, answer.body) == (200, whole)
