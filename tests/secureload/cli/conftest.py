"""Every test of a verb has a shell; those that ask a Hub have one on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.secureload.cli.shell import shell
from tests.servers.hub import LocalHub
from tests.servers.keys import openpgp
from tests.servers.repos import PublishedRepo

__all__ = ["shell"]


@pytest.fixture
def repo(tmp_path: Path) -> PublishedRepo:
    return PublishedRepo(tmp_path / "hub", "org/model")


@pytest.fixture
def hub(tmp_path: Path, repo: PublishedRepo, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    with LocalHub(root=tmp_path / "hub") as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


@pytest.fixture
def publishers(tmp_path: Path) -> Path:
    """A trust root that holds alice's key for `org/*`."""
    (tmp_path / "alice.asc").write_text(openpgp("alice").public)
    path = tmp_path / "publishers.yaml"
    path.write_text(
        "apiVersion: secureload/v1\nkind: TrustRoot\nmetadata: {name: publishers}\n"
        'spec:\n  keys:\n    - {kind: openpgp, file: alice.asc, repos: ["org/*"]}\n'
    )
    return path
