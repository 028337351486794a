"""A local Hub with one published model, and a context that does not really sleep."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from secureload.settings import Settings
from secureload.sources import Context
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo


@pytest.fixture
def repo(tmp_path: Path) -> PublishedRepo:
    return PublishedRepo(tmp_path / "hub", "org/model")


@pytest.fixture
def hub(tmp_path: Path, repo: PublishedRepo) -> Iterator[LocalHub]:
    with LocalHub(root=tmp_path / "hub") as hub:
        yield hub


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def ctx(hub: LocalHub, tmp_path: Path, slept: list[float]) -> Context:
    settings = Settings(home=tmp_path / "home", endpoint=hub.url, policy="default", offline=False)
    return Context(settings=settings, sleep=slept.append)
