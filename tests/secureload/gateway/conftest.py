"""One service for all tests of it, with a real hub behind it, as a user would start it."""

from __future__ import annotations

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
from tests.builders import models
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo
from tests.servers.service import Service

Guarded = tuple[Service, dict[Role, str]]

_OURS = ("SECURELOAD_", "HF_", "HUGGINGFACE_", "TRANSFORMERS_")


@dataclass(frozen=True)
class World:
    """A hub with some models on it, and the service in front of it."""

    hub: LocalHub
    service: Service
    commits: dict[str, str]

    def publish(self, name: str, files: dict[str, bytes]) -> str:
        """Publish a model on the hub; returns the commit."""
        return PublishedRepo(self.hub.root, name).commit(files)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    for name in os.environ:
        if name.startswith(_OURS):
            del os.environ[name]
    root = tmp_path_factory.mktemp("world")
    with LocalHub(root=root / "hub") as hub:
        commits = {
            "org/legacy": PublishedRepo(hub.root, "org/legacy").commit(models.legacy()),
            "org/safe": PublishedRepo(hub.root, "org/safe").commit(models.safe()),
            "org/evil": PublishedRepo(hub.root, "org/evil").commit(
                models.malicious(f"touch {root / 'fired'}")
            ),
            "org/gated": PublishedRepo(hub.root, "org/gated").commit(models.safe()),
            "org/private": PublishedRepo(hub.root, "org/private").commit(models.safe()),
        }
        hub.require("org/gated", "hf_right", gated=True)
        hub.require("org/private", "hf_right")
        options = ("--wait", "120")  # machines under test are slow
        with Service(home=root / "home", upstream=hub.url, options=options) as service:
            yield World(hub=hub, service=service, commits=commits)


@pytest.fixture(scope="session")
def guarded(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A service with one token for each role, and nothing for whoever has none."""
    home = tmp_path_factory.mktemp("guarded") / "home"
    layout = Layout(home)
    layout.create()
    given = {}
    with Database(layout.database, layout.locks / "ledger.lock").write() as session:
        for role in Role:
            name, at = role.value, datetime.now(UTC).isoformat(timespec="microseconds")
            _, text = tokens.create(session, name, [name], by="test", at=at, expires=None)
            given[role] = text
    options = ("--wait", "120", "--log-format", "json")
    with Service(home=home, upstream=world.hub.url, options=options) as service:
        yield service, given


@pytest.fixture
def service(world: World) -> Service:
    return world.service


@pytest.fixture
def home(world: World) -> Path:
    return world.service.home
