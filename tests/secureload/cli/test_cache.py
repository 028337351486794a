"""`secureload cache`: what is in it, whether it is sound, and how to tidy it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.secureload.cli.shell import MODEL, Shell
from tests.servers.repos import PublishedRepo

pytestmark = pytest.mark.usefixtures("hub")


def test_the_cache_shows_verifies_and_forgets(shell: Shell, repo: PublishedRepo) -> None:
    repo.commit(MODEL)
    admitted = shell("admit", "org/model", "--format", "json").json
    (entry,) = shell("cache", "list", "--format", "json").json["admissions"]
    assert entry["admission"] == admitted["admission"]
    assert "hub:org/model" in shell("cache", "list").out
    shown = shell("cache", "show", admitted["admission"][:8], "--format", "json").json
    assert shown["files"] == admitted["files"]
    assert "model.safetensors" in shell("cache", "show", admitted["admission"][:8]).out
    assert shell("cache", "verify").code == 0
    (Path(admitted["path"]) / "config.json").unlink()
    said = shell("cache", "verify", "--format", "json")
    assert (said.code, said.json["sound"]) == (1, False)
    assert shell("cache", "rm", admitted["admission"]).code == 0
    dry = shell("cache", "gc", "--dry-run", "--format", "json").json
    collected = shell("cache", "gc", "--format", "json").json
    assert dry["paths"] == collected["paths"] != []
    assert shell("cache", "verify").code == 0
    assert shell("cache", "list").out == ""
