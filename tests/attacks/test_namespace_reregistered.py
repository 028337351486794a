"""A name on the hub passes to somebody else: deleted and registered again, or taken over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from secureload import gate
from secureload.errors import Refused
from tests.builders import models
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo

OURS = {"_id": "a" * 24, "authorData": {"_id": "b" * 24, "name": "org"}}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    with LocalHub(root=tmp_path / "hub") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        server.says["org/model"] = dict(OURS)
        yield server


@pytest.fixture
def repo(hub: LocalHub) -> PublishedRepo:
    return PublishedRepo(hub.root, "org/model")


def policy(folder: Path, *, accept: str = "") -> Path:
    path = folder / "ours.yaml"
    path.write_text(
        "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: ours}\nspec:\n"
        f"  owner: {{onChange: quarantine, accept: [{accept}]}}\n"
    )
    return path


@pytest.mark.parametrize(
    "now",
    [
        {"_id": "c" * 24},
        {"authorData": {"_id": "c" * 24, "name": "org"}},
        {"id": "other/model"},
        {"_id": None, "authorData": None},
    ],
    ids=["repository", "account", "renamed", "not named"],
)
def test_a_repository_that_changed_hands_is_quarantined(
    hub: LocalHub, repo: PublishedRepo, tmp_path: Path, now: dict[str, object]
) -> None:
    repo.commit(models.safe())
    gate.admit("org/model", trust_policy=policy(tmp_path))
    repo.commit(models.safe() | {"notes.txt": b"new owner\n"})
    hub.says["org/model"] = {**OURS, **now}
    before = hub.count("*/resolve/*")

    for _ in range(2):
        with pytest.raises(Refused) as refused:
            gate.admit("org/model", trust_policy=policy(tmp_path))
        assert refused.value.verdict.rules == {"owner"}
    assert hub.count("*/resolve/*") == before, "nothing of it is fetched"


def test_a_new_owner_is_taken_once_the_policy_accepts_the_id(
    hub: LocalHub, repo: PublishedRepo, tmp_path: Path
) -> None:
    repo.commit(models.safe())
    gate.admit("org/model", trust_policy=policy(tmp_path))
    hub.says["org/model"] = {**OURS, "_id": "c" * 24}
    changed = repo.commit(models.safe() | {"notes.txt": b"new owner\n"})

    entry = gate.admit("org/model", trust_policy=policy(tmp_path, accept="c" * 24))

    assert entry.commit == changed


def test_an_account_is_known_from_its_other_repositories(
    hub: LocalHub, repo: PublishedRepo, tmp_path: Path
) -> None:
    repo.commit(models.safe())
    gate.admit("org/model", trust_policy=policy(tmp_path))
    second = PublishedRepo(hub.root, "org/second")
    second.commit(models.safe())
    hub.says["org/second"] = {"_id": "d" * 24, "authorData": {"_id": "e" * 24}}

    with pytest.raises(Refused) as refused:
        gate.admit("org/second", trust_policy=policy(tmp_path))

    assert refused.value.verdict.rules == {"owner"}


def test_the_default_policy_warns(hub: LocalHub, repo: PublishedRepo) -> None:
    repo.commit(models.safe())
    gate.admit("org/model")
    hub.says["org/model"] = {**OURS, "_id": "c" * 24}
    repo.commit(models.safe() | {"notes.txt": b"new owner\n"})

    verdict = gate.admit("org/model").verdict

    assert "owner" in {warning.rule for warning in verdict.warnings}
