"""A branch means its last admitted commit: it moves when the newer one is admitted, not before."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import models
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo
from tests.servers.service import Service

INFO = "/api/models/org/model"


@pytest.fixture
def repo(tmp_path: Path) -> PublishedRepo:
    return PublishedRepo(tmp_path / "hub", "org/model")


@pytest.fixture
def service(tmp_path: Path, repo: PublishedRepo) -> Iterator[Service]:
    options = ("--wait", "120", "--refresh", "0")
    with (
        LocalHub(root=tmp_path / "hub") as hub,
        Service(home=tmp_path / "home", upstream=hub.url, options=options) as running,
    ):
        yield running


def until(service: Service, commit: str) -> None:
    for _ in range(2_400):
        if service.ask(INFO).json["sha"] == commit:
            return
        time.sleep(0.05)
    raise AssertionError(service.ask(INFO).json)


def test_a_branch_moves_to_what_is_admitted_and_to_nothing_else(
    service: Service, repo: PublishedRepo
) -> None:
    first = repo.commit(models.safe())
    assert service.ask(INFO).json["sha"] == first

    second = repo.commit(models.safe() | {"notes.txt": b"newer\n"})
    until(service, second)

    repo.commit(models.malicious("true"))
    jobs = "/api/secureload/v1/jobs?state=refused"
    while not service.ask(jobs).json:
        assert service.ask(INFO).json["sha"] == second
    assert service.ask(INFO).json["sha"] == second
    pinned = service.ask(f"{INFO}/revision/{first}")
    assert pinned.json["sha"] == first

    old_files = service.ask(f"/org/model/resolve/{first}/notes.txt")
    assert old_files.status == 404
    history = service.ask(f"{INFO}/commits/main").json
    assert [commit["id"] for commit in history] == [second, first]
