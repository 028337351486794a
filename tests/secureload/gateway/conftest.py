"""The service as a user would start it, with a real hub behind it: once on one machine, once
on a database, an object store and two workers. A test that says `EVERYWHERE` runs on both.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from secureload.cache.layout import Layout
from secureload.gateway.principals import Role
from secureload.ledger import tokens
from secureload.ledger.database import Database
from secureload.ledger.service import audit_rows
from tests.builders import models
from tests.servers.cluster import WAIT, Cluster, cluster
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo
from tests.servers.service import Service

Guarded = tuple[Service, dict[Role, str]]

EVERYWHERE = pytest.mark.parametrize("world", ["alone", "shared"], indirect=True)
"""Run on one machine, and on PostgreSQL, S3 and two workers."""

_OURS = ("SECURELOAD_", "HF_", "HUGGINGFACE_", "TRANSFORMERS_")
OPEN = ("--anonymous", "reader", "--anonymous", "requester")
"""What a front end of the shared installation is told, or whoever has no token is turned away
once some test has made one.
"""


@dataclass(frozen=True, kw_only=True)
class World:
    """A hub with some models on it, and the service in front of it."""

    hub: LocalHub
    fronts: tuple[Service, ...]
    ledger: Database
    commits: dict[str, str]
    cluster: Cluster | None = None

    @property
    def service(self) -> Service:
        """The only front end, or the first of several."""
        return self.fronts[0]

    def publish(self, name: str, files: dict[str, bytes]) -> str:
        """Publish a model on the hub; returns the commit."""
        return PublishedRepo(self.hub.root, name).commit(files)

    def admitted(self, name: str) -> int:
        """How often a model's admission is in the audit log."""
        return admissions(self.ledger, name)


def admissions(ledger: Database, name: str) -> int:
    """How often a model's admission is in the audit log."""
    with ledger.read() as session:
        rows = audit_rows(session, since=0, limit=10_000)
    return sum(row["event"] == "admitted" and row["detail"]["repository"] == name for row in rows)


@contextlib.contextmanager
def _hub(root: Path) -> Iterator[tuple[LocalHub, dict[str, str]]]:
    for name in os.environ:
        if name.startswith(_OURS):
            del os.environ[name]
    with LocalHub(root=root / "hub") as hub:
        evil = models.malicious(f"touch {root / 'fired'}")
        published = {
            "org/legacy": models.legacy(),
            "org/safe": models.safe(),
            "org/evil": evil,
            "org/gated": models.safe(),
            "org/private": models.safe(),
        }
        commits = {
            name: PublishedRepo(hub.root, name).commit(files) for name, files in published.items()
        }
        hub.require("org/gated", "hf_right", gated=True)
        hub.require("org/private", "hf_right")
        yield hub, commits


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("alone")
    layout = Layout(root / "home")
    with (
        _hub(root) as (hub, commits),
        Service(home=layout.home, upstream=hub.url, options=WAIT) as service,
    ):
        ledger = Database(layout.database, layout.locks / "ledger.lock")
        yield World(hub=hub, fronts=(service,), ledger=ledger, commits=commits)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("shared")
    with _hub(root) as (hub, commits), cluster(root, hub, front=OPEN) as made:
        yield World(hub=hub, fronts=made.fronts, ledger=made.ledger, commits=commits, cluster=made)


@pytest.fixture
def world(request: pytest.FixtureRequest) -> World:
    """The installation that a test is about: one machine, where it does not say."""
    found: World = request.getfixturevalue(getattr(request, "param", "alone"))
    return found


def tokens_of_roles(ledger: Database) -> dict[Role, str]:
    """A token for each role."""
    given = {}
    with ledger.write() as session:
        for role in Role:
            name, at = role.value, datetime.now(UTC).isoformat(timespec="microseconds")
            _, given[role] = tokens.create(session, name, [name], by="test", at=at, expires=None)
    return given


@pytest.fixture(scope="session")
def guarded_alone(alone: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    layout = Layout(tmp_path_factory.mktemp("guarded") / "home")
    layout.create()
    given = tokens_of_roles(Database(layout.database, layout.locks / "ledger.lock"))
    options = (*WAIT, "--log-format", "json")
    with Service(home=layout.home, upstream=alone.hub.url, options=options) as service:
        yield service, given


@pytest.fixture(scope="session")
def guarded_shared(shared: World) -> Iterator[Guarded]:
    assert shared.cluster is not None
    given = tokens_of_roles(shared.ledger)
    with shared.cluster.front("guarded", "--log-format", "json") as service:
        yield service, given


@pytest.fixture
def guarded(request: pytest.FixtureRequest, world: World) -> Guarded:
    """A service with one token for each role, and nothing for whoever has none."""
    name = "guarded_alone" if world.cluster is None else "guarded_shared"
    found: Guarded = request.getfixturevalue(name)
    return found


@pytest.fixture
def service(world: World) -> Service:
    return world.service


@pytest.fixture
def home(world: World) -> Path:
    return world.service.home
