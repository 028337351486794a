"""`secureload --server URL scan|admit|verify`: the same answers and exit codes from a service."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from secureload.gateway.principals import Role
from tests.builders import models
from tests.secureload.cli.shell import Answer, Shell, shell
from tests.secureload.gateway.conftest import Guarded, World
from tests.servers.service import Service

__all__ = ["shell"]


@pytest.fixture
def ask(shell: Shell, service: Service) -> Shell:
    def asked(*arguments: str | Path) -> Answer:
        return shell("--server", service.url, *arguments)

    return asked


def written(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_a_scan_says_what_a_local_one_says(shell: Shell, ask: Shell, tmp_path: Path) -> None:
    folder = written(tmp_path / "model", models.malicious("true") | {"sub/notes.txt": b"hello\n"})
    here = shell("scan", folder, "--format", "json", "--digest")
    there = ask("scan", folder, "--format", "json")
    assert there.code == here.code == 1
    named = {f["path"]: (f["verdict"], f["format"]) for f in here.json["files"]}
    assert {f["path"]: (f["verdict"], f["format"]) for f in there.json["files"]} == named
    assert "sub/notes.txt" in named
    assert there.json["policy"] == here.json["policy"]


def test_a_clean_file_passes_and_a_report_is_written(ask: Shell, tmp_path: Path) -> None:
    folder = written(tmp_path / "model", models.safe())
    report = tmp_path / "report.sarif"
    said = ask("scan", folder / "model.safetensors", "--format", "sarif", "-o", report)
    assert said.code == 0, said.err
    assert json.loads(report.read_text())["runs"]


def test_admissions_end_with_the_codes_of_the_verb(ask: Shell, world: World) -> None:
    admitted = ask("admit", "org/legacy", "--format", "json")
    assert admitted.code == 0, admitted.err
    assert admitted.json["commit"] == world.commits["org/legacy"]
    assert admitted.json["revision_id"] != admitted.json["commit"]
    refused = ask("admit", "org/evil")
    assert refused.code == 1
    assert "posix.system" in refused.err
    absent = ask("admit", "org/absent")
    assert absent.code == 2
    assert "does not exist" in absent.err


def test_a_verification_of_an_unsigned_model_exits_1(ask: Shell) -> None:
    verified = ask("verify", "org/safe", "--format", "json")
    assert (verified.code, verified.json["status"]) == (1, "unsigned")
    assert ask("verify", "org/safe").out.startswith("unsigned")


def test_what_a_service_cannot_do_is_said(ask: Shell, shell: Shell, tmp_path: Path) -> None:
    assert "without --server" in ask("cache", "list").err
    assert ask("admit", tmp_path).code == 2
    assert ask("scan", written(tmp_path / "empty", {}) / "absent").code == 2
    assert "could not be reached" in shell("--server", "http://127.0.0.1:9", "admit", "a/b").err
    assert "no address" in shell("--server", "ftp://x", "admit", "a/b").err


def test_a_token_is_asked_for_and_used(
    shell: Shell, guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, tokens = guarded
    monkeypatch.setenv("SECURELOAD_SERVER", service.url)
    nobody = shell("admit", "org/safe")
    assert nobody.code == 2
    assert "SECURELOAD_TOKEN" in nobody.err
    monkeypatch.setenv("SECURELOAD_TOKEN", tokens[Role.READER])
    assert "requester" in shell("admit", "org/safe").err
    monkeypatch.setenv("SECURELOAD_TOKEN", tokens[Role.REQUESTER])
    assert shell("admit", "org/safe").code == 0
