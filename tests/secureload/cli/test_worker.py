"""`secureload worker` starts only where it is clear what it shares, and is set up like `serve`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.secureload.cli.shell import Shell

_HEAD = "apiVersion: secureload/v1\nkind: Worker\nmetadata: {name: x}\nspec:\n"


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SECURELOAD_DATABASE", "postgresql+psycopg://nobody@127.0.0.1:9/none")
    monkeypatch.setenv("SECURELOAD_STORAGE", f"file://{tmp_path}")


def test_a_worker_alone_has_nothing_to_do(shell: Shell) -> None:
    refused = shell("worker")
    assert refused.code == 2
    assert "SECURELOAD_DATABASE" in refused.err


def test_a_variable_that_is_misspelt_is_told(
    shell: Shell, shared: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECURELOAD_WORKER_LEAS", "60")
    refused = shell("worker")
    assert refused.code == 2
    assert "did you mean SECURELOAD_WORKER_LEASE?" in refused.err


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("  lease: 0.1\n", "lease"),
        ("  laese: 60\n", "did you mean `lease`"),
        ("  limits: {downloads: 2}\n", "limits"),
        ("  logFormat: xml\n", "logFormat"),
    ],
)
def test_a_file_that_is_not_good_is_told(
    shell: Shell, shared: None, tmp_path: Path, spec: str, says: str
) -> None:
    (tmp_path / "worker.yaml").write_text(_HEAD + spec)
    refused = shell("worker", "--config", str(tmp_path / "worker.yaml"))
    assert refused.code == 2
    assert says in refused.err


def test_a_file_for_a_service_is_none_for_a_worker(
    shell: Shell, shared: None, tmp_path: Path
) -> None:
    (tmp_path / "serve.yaml").write_text(_HEAD.replace("Worker", "Service") + "  workers: 2\n")
    refused = shell("worker", "--config", str(tmp_path / "serve.yaml"))
    assert refused.code == 2
    assert "kind" in refused.err
