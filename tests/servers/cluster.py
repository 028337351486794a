"""Front ends and workers on one PostgreSQL and one S3, as on machines of their own.

with cluster(root, hub) as made:
    os.environ["HF_ENDPOINT"] = made.fronts[1].url
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from secureload.cache import TrustedCache
from secureload.ledger.database import Database
from tests.servers.hub import LocalHub
from tests.servers.loopback import free_port
from tests.servers.postgres import Postgres
from tests.servers.s3 import S3
from tests.servers.service import Service
from tests.servers.worker import WorkerProcess

WAIT = ("--wait", "120")
"""Machines under test are slow."""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """An installation as on four machines: each process has a home of its own."""

    root: Path
    hub: LocalHub
    server: Postgres
    store: S3
    ledger: Database
    environment: Mapping[str, str]
    fronts: tuple[Service, ...]
    workers: tuple[WorkerProcess, ...]

    def front(self, name: str, *options: str) -> Service:
        """One more front end, not started yet."""
        (self.root / name).mkdir()
        return Service(
            home=self.root / name / "home",
            upstream=self.hub.url,
            options=(*WAIT, *options),
            environment=self.environment,
        )

    def busy(self) -> WorkerProcess:
        """The worker that is at a job now."""
        for _ in range(2_400):
            for worker in self.workers:
                if worker.is_busy():
                    return worker
            time.sleep(0.05)
        raise AssertionError("no worker is at work")

    def sound(self) -> None:
        """Everything on record, and every byte in the store, is what it should be."""
        cache = TrustedCache(
            self.root / "auditor", database=self.ledger.url, storage=self.store.url
        )
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.store.environment.items():
                patch.setenv(name, value)
            assert cache.verify() == []


@contextlib.contextmanager
def cluster(
    root: Path, hub: LocalHub, *, front: Sequence[str] = (), worker: Sequence[str] = ()
) -> Iterator[Cluster]:
    """Two front ends and two workers, with further options for each.

    Workers fetch with the token `hf_right`; front ends have none.
    """
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Postgres())
        store = stack.enter_context(S3(root / "s3"))
        nowhere = root / "nowhere"
        ledger = Database(nowhere, nowhere, server.database())
        environment = {
            "SECURELOAD_DATABASE": ledger.url,
            "SECURELOAD_STORAGE": store.url,
            "OMP_NUM_THREADS": "1",
            **store.environment,
        }
        made = Cluster(
            root=root,
            hub=hub,
            server=server,
            store=store,
            ledger=ledger,
            environment=environment,
            fronts=(),
            workers=(),
        )
        fronts = [made.front(f"front-{number}", *front) for number in (1, 2)]
        workers = [
            WorkerProcess(
                home=root / f"worker-{number}",
                environment={**environment, "SECURELOAD_UPSTREAM_TOKEN": "hf_right"},
                options=tuple(worker),
                port=free_port(),
            )
            for number in (1, 2)
        ]
        for process in (*fronts, *workers):
            stack.enter_context(process)
        yield Cluster(**{**vars(made), "fronts": tuple(fronts), "workers": tuple(workers)})
