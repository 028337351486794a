"""What a client is told of an admission that fails, and how often it is tried."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError

from tests.builders import models
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo
from tests.servers.service import Service

INFO = "/api/models/org/model"
JOBS = "/api/secureload/v1/jobs"
ADMISSIONS = "/api/secureload/v1/admissions"


@pytest.fixture
def repo(tmp_path: Path) -> PublishedRepo:
    return PublishedRepo(tmp_path / "hub", "org/model")


@pytest.fixture
def service(tmp_path: Path, repo: PublishedRepo) -> Iterator[Service]:
    with (
        LocalHub(root=tmp_path / "hub") as hub,
        Service(
            home=tmp_path / "home", upstream=hub.url, options=("--wait", "120", "--refresh", "0")
        ) as running,
    ):
        yield running


def sparse() -> dict[str, bytes]:
    """A model in order but for one tensor, which safetensors cannot hold."""
    held = io.BytesIO()
    torch.save({"table.weight": torch.eye(3).to_sparse()}, held)
    return models.legacy() | {"pytorch_model.bin": held.getvalue()}


def test_weights_that_cannot_be_converted_are_told_and_not_tried_again(
    service: Service, repo: PublishedRepo, tmp_path: Path
) -> None:
    repo.commit(sparse())

    answer = service.ask(INFO)
    assert answer.status == 403
    assert "table.weight" in answer.json["detail"]
    assert "accident" not in answer.json["error"]
    assert "retry-after" not in answer.headers
    with pytest.raises(HfHubHTTPError, match=r"table\.weight"):
        hf_hub_download(
            "org/model", "config.json", endpoint=service.url, cache_dir=tmp_path / "cache"
        )
    assert service.ask(INFO).json["detail"] == answer.json["detail"]
    (job,) = service.ask(JOBS).json
    assert job["state"] == "failed"

    repo.commit(models.safe())
    assert service.ask(INFO).status == 200


def test_an_accident_here_is_not_repeated_for_each_client(
    service: Service, repo: PublishedRepo, tmp_path: Path
) -> None:
    commit = repo.commit(models.safe())
    quarantine = tmp_path / "home" / "quarantine"
    shutil.rmtree(quarantine, ignore_errors=True)
    quarantine.write_text("in the way")

    for _ in range(3):
        answer = service.ask(INFO)
        assert (answer.status, answer.headers["retry-after"]) == (503, "30")
        assert str(tmp_path) not in answer.json["error"]
    assert len(service.ask(JOBS).json) == 1

    quarantine.unlink()
    order = json.dumps({"repository": "org/model", "revision": commit, "wait": 120}).encode()
    assert service.ask(ADMISSIONS, method="POST", body=order).json["state"] == "admitted"
    assert service.ask(INFO).json["sha"] == commit
