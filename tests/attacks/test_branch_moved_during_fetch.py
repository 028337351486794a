"""The branch moves to other content between resolving it and fetching its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from secureload import gate
from secureload.flow import SignatureStatus
from secureload.sources import parse
from tests.builders import models
from tests.servers import keys
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo


@pytest.mark.parametrize("moment", ["*/tree/*", "*/info/refs", "*/resolve/*config.json"])
def test_one_commit_is_judged_and_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    (tmp_path / "alice.asc").write_text(keys.openpgp("alice").public)
    root = tmp_path / "publishers.yaml"
    root.write_text(
        "apiVersion: secureload/v1\nkind: TrustRoot\nmetadata: {name: publishers}\n"
        "spec:\n  keys:\n    - {kind: openpgp, file: alice.asc}\n"
    )
    with LocalHub(root=tmp_path / "hub") as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        repo = PublishedRepo(hub.root, "org/model")
        signed = repo.commit(models.safe(), sign=keys.openpgp("alice"))
        ran = tmp_path / "ran"
        evil = repo.commit(models.malicious(f"touch {ran}"), branch=None, parents=[])
        hub.misbehave("call", moment, times=1, action=lambda: repo.move("main", evil))

        opened = gate.open_gate(trust_roots=[root])
        listing, attestation = opened.verify(parse("org/model"))

        assert repo.tip() == evil
        assert listing.commit == signed
        assert attestation.status is SignatureStatus.VERIFIED
        entry = gate.admit("org/model", revision=signed, trust_roots=[root])
        assert entry.commit == signed
        assert {file.path for file in entry.files} >= {"config.json", "model.safetensors"}
        assert not ran.exists()
