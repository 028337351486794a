"""`secureload code`: digests of a repository's Python, and approvals that a policy reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.builders import coded
from tests.secureload.cli.shell import Shell
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return coded.coded(tmp_path / "model")


def approve(shell: Shell, reference: str | Path, path: Path, *more: str) -> int:
    words = ("--file", path, "--by", "me@example.org", "--reason", "read it", *more)
    return shell("code", "approve", reference, *words).code


def policy(path: Path) -> Path:
    document = {
        "apiVersion": "secureload/v1",
        "kind": "TrustPolicy",
        "metadata": {"name": "ours"},
        "spec": {"remoteCode": {"mode": "approved-digests", "file": "code.yaml"}},
    }
    path.write_text(json.dumps(document))
    return path


def test_a_digest_is_printed_with_its_files(shell: Shell, model: Path) -> None:
    said = shell("code", "digest", model)
    assert said.code == 0
    assert said.out.startswith("sha256:")
    assert "modeling_coded.py" in said.out
    again = shell("code", "digest", model, "--format", "json").json
    assert again["digest"] == said.out.splitlines()[0]
    assert set(again["files"]) == {"configuration_coded.py", "layers.py", "modeling_coded.py"}
    assert again["names"] == {"config.json": coded.NAMES}


def test_a_model_without_code_has_no_digest(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "config.json").write_text("{}")
    said = shell("code", "digest", tmp_path / "plain")
    assert said.code == 2
    assert "no Python" in said.err


def test_what_is_approved_runs_and_nothing_else(shell: Shell, model: Path, tmp_path: Path) -> None:
    import secureload
    from secureload import Refused

    approvals = tmp_path / "code.yaml"
    said = shell("code", "approve", model, "--file", approvals, "--by", "me", "--reason", "read")
    assert said.code == 0
    assert "imports scale from .layers" in said.out
    trusted = str(policy(tmp_path / "policy.yaml"))
    assert shell("policy", "check", trusted).code == 0
    options = {"trust_remote_code": True, "trust_policy": trusted}
    assert secureload.AutoModel.from_pretrained(model, **options)
    (model / "layers.py").write_text("def scale():\n    return 4.0\n")
    with pytest.raises(Refused, match="no approval of this code"):
        secureload.AutoModel.from_pretrained(model, **options)
    assert approve(shell, model, approvals) == 0
    assert secureload.AutoModel.from_pretrained(model, **options)
    assert approvals.read_text().count("digest:") == 2


def test_a_repository_of_a_hub_is_approved_by_name(
    shell: Shell, hub: LocalHub, repo: PublishedRepo, model: Path, tmp_path: Path
) -> None:
    files = {path.name: path.read_bytes() for path in model.iterdir()}
    commit = repo.commit(files)
    assert approve(shell, f"org/model@{commit}", tmp_path / "code.yaml") == 0
    assert "org/model" in (tmp_path / "code.yaml").read_text()


def test_another_digest_than_the_reviewed_one_is_not_approved(
    shell: Shell, model: Path, tmp_path: Path
) -> None:
    approvals = tmp_path / "code.yaml"
    assert approve(shell, model, approvals, "--digest", "sha256:0") == 2
    assert not approvals.exists()


def test_a_broken_file_of_approvals_is_left_as_it_is(
    shell: Shell, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "code.yaml").write_text("kind: Other\n")
    assert approve(shell, model, tmp_path / "code.yaml") == 2
    assert (tmp_path / "code.yaml").read_text() == "kind: Other\n"
