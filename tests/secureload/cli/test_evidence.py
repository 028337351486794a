"""`secureload evidence` and `admit --require-attestation`: show, export, admit elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.secureload.cli.shell import MODEL, Shell
from tests.secureload.evidence import samples


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return samples.folder(tmp_path / "model", MODEL)


def test_evidence_is_shown(shell: Shell, model: Path) -> None:
    assert "no operator key" in shell("admit", model).out
    said = shell("evidence", "show", model)
    assert (said.code, said.out) == (0, "")
    assert "no evidence" in said.err
    shell("init")
    assert "before there was an operator key" in shell("admit", model).out
    said = shell("admit", model, "--again", "--format", "json")
    names = [one["name"] for one in said.json["evidence"]]
    assert names == ["bom.json", "model.sig", "provenance-1.json", "vsa.json"]
    listed = shell("evidence", "show", said.json["admission"][:12], "--format", "json").json
    assert [one["name"] for one in listed["documents"]] == names
    envelope = json.loads(shell("evidence", "show", model, "vsa.json").out)
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    statement = json.loads(shell("evidence", "show", model, "vsa.json", "--format", "json").out)
    assert statement["predicateType"] == "https://slsa.dev/verification_summary/v1"
    assert json.loads(shell("evidence", "show", model, "bom.json").out)["bomFormat"] == "CycloneDX"
    assert shell("evidence", "show", model, "more.json").code == 2
    assert shell("evidence", "show", "org/never").code == 2


def test_an_exported_admission_is_admitted_elsewhere(
    shell: Shell, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = shell("init", "--format", "json").json["trustRoot"]
    shell("admit", model)
    bundle = tmp_path / "carried.tar"
    assert shell("evidence", "export", model, bundle).code == 0
    assert shell("evidence", "export", model, bundle).code == 2
    monkeypatch.setenv("SECURELOAD_HOME", str(tmp_path / "elsewhere"))
    refused = shell("admit", bundle, "--require-attestation")
    assert refused.code == 1
    assert "no trusted key" in refused.err
    trusted = ("--require-attestation", "--trust-root", root)
    said = shell("admit", bundle, *trusted, "--format", "json")
    assert said.code == 0, said.err
    assert said.json["verifier"]
    assert said.json["warnings"][0]["rule"] == "attestation"
    other = shell("admit", "org/other", "--attestation", bundle, *trusted, "--format", "json")
    assert other.code == 1
    assert other.json["reasons"][0]["rule"] == "attestation"
    assert shell("admit", model, "--attestation", bundle).code == 2
    assert shell("cache", "verify").code == 0
