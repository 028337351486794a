"""A signature over the folder through the whole gate: local and hub, under strict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from secureload import gate
from secureload.errors import Refused
from tests.builders import model_signatures as made
from tests.builders import models
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo


@pytest.fixture
def trusted(tmp_path: Path) -> Path:
    (tmp_path / "publisher.pem").write_bytes(made.public_pem(made.key()))
    path = tmp_path / "publishers.yaml"
    path.write_text(
        "apiVersion: secureload/v1\nkind: TrustRoot\nmetadata: {name: publishers}\n"
        "spec:\n  keys:\n    - {kind: model-signing, file: publisher.pem}\n"
    )
    return path


def signed() -> dict[str, bytes]:
    files = models.legacy()
    document = made.bundle(made.over(files), made.key())
    return {**files, "model.sig": json.dumps(document).encode()}


def test_a_signed_folder_is_admitted_and_the_signature_stays_behind(
    tmp_path: Path, trusted: Path
) -> None:
    folder = made.write(tmp_path / "model", signed())

    entry = gate.admit(folder, trust_policy="strict", trust_roots=[trusted])

    assert (entry.path / "model.safetensors").is_file()
    assert not (entry.path / "model.sig").exists()
    assert gate.admit(folder, trust_policy="strict", trust_roots=[trusted]).warm


def test_an_unsigned_hub_commit_with_a_signed_folder_is_admitted_under_strict(
    tmp_path: Path, trusted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalHub(root=tmp_path / "hub") as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        repo = PublishedRepo(hub.root, "org/model")
        repo.commit({**signed(), ".gitattributes": b"*.bin filter=lfs\n"})

        entry = gate.admit("org/model", trust_policy="strict", trust_roots=[trusted])

        assert (entry.path / "model.safetensors").is_file()
        # A file more, though no library would load it, is not what was signed.
        repo.commit({**signed(), "onnx/model.onnx": b"x"})
        changed = repo.tip()
        with pytest.raises(Refused) as refused:
            gate.admit("org/model", revision=changed, trust_policy="strict", trust_roots=[trusted])
        assert refused.value.verdict.rules >= {"identity"}
        assert "onnx/model.onnx" in str(refused.value)
