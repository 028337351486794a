"""`secureload admit`: the whole pipeline, over a local Hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.secureload.cli.shell import EVIL, MODEL, Shell
from tests.servers.hub import LocalHub
from tests.servers.keys import openpgp
from tests.servers.repos import PublishedRepo

pytestmark = pytest.mark.usefixtures("hub")


def test_a_model_is_admitted_once_and_found_again(
    shell: Shell, repo: PublishedRepo, hub: LocalHub
) -> None:
    commit = repo.commit(MODEL)
    said = shell("admit", f"org/model@{commit}", "--format", "json")
    assert said.code == 0
    assert said.json["schema"] == "secureload.admission/1"
    assert (said.json["verdict"], said.json["commit"], said.json["warm"]) == (
        "allow", commit, False
    )  # fmt: skip
    assert {file["path"] for file in said.json["files"]} == {"config.json", "model.safetensors"}
    assert [warning["rule"] for warning in said.json["warnings"]] == ["identity"]
    asked = len(hub.requests)
    again = shell("admit", f"org/model@{commit}", "--format", "json")
    assert again.json == {**said.json, "warm": True}
    assert len(hub.requests) == asked
    path = shell("admit", f"org/model@{commit}", "--format", "path", "--offline")
    assert path.out.strip() == said.json["path"]


def test_a_malicious_model_is_refused_with_every_reason(shell: Shell, repo: PublishedRepo) -> None:
    repo.commit({**MODEL, "pytorch_model.bin": EVIL})
    said = shell("admit", "org/model")
    assert said.code == 1
    assert said.out == ""
    assert "refused" in said.err
    assert "posix.system" in said.err
    said = shell("admit", "org/model", "--format", "json", "--policy", "strict")
    assert said.code == 1
    assert {"identity", "runs-shell"} <= {reason["rule"] for reason in said.json["reasons"]}
    assert shell("cache", "list", "--format", "json").json["admissions"] == []


def test_strict_admits_what_a_trusted_key_signed(
    shell: Shell, repo: PublishedRepo, publishers: Path
) -> None:
    repo.commit(MODEL, sign=openpgp("alice"))
    assert shell("admit", "org/model", "--policy", "strict").code == 1
    said = shell("admit", "org/model", "--policy", "strict", "--trust-root", publishers)
    assert said.code == 0, said.err


def test_strict_refuses_what_nobody_trusted_signed(
    shell: Shell, repo: PublishedRepo, publishers: Path
) -> None:
    strict = ("--policy", "strict", "--trust-root", publishers, "--format", "json")
    repo.commit(MODEL)
    said = shell("admit", "org/model", *strict)
    assert (said.code, [reason["rule"] for reason in said.json["reasons"]]) == (1, ["identity"])
    repo.commit(MODEL, sign=openpgp("mallory"))
    said = shell("admit", "org/model", *strict)
    assert said.json["reasons"][0]["setting"] == "spec.identity.unknownKey: deny"


def test_a_policy_file_extends_strict_with_trust_roots(
    shell: Shell, repo: PublishedRepo, publishers: Path
) -> None:
    ours = publishers.parent / "ours.yaml"
    ours.write_text(
        "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: ours}\n"
        "spec:\n  extends: strict\n  identity:\n    trustRoots: [publishers.yaml]\n"
    )
    repo.commit(MODEL, sign=openpgp("alice"))
    assert shell("admit", "org/model", "--policy", ours).code == 0


def test_bytes_tampered_behind_a_signature_are_refused(
    shell: Shell, repo: PublishedRepo, publishers: Path, hub: LocalHub
) -> None:
    weights = MODEL["pytorch_model.bin"]
    repo.commit(MODEL, sign=openpgp("alice"))
    repo.replace_lfs(weights, weights[:-1] + bytes([weights[-1] ^ 1]))
    said = shell("verify", "org/model", "--trust-root", publishers, "--format", "json")
    assert (said.code, said.json["status"]) == (1, "broken-chain")
    for policy in ("default", "strict", "research"):
        said = shell("admit", "org/model", "--policy", policy, "--trust-root", publishers)
        assert said.code == 1
        assert "spec.identity.invalid: deny" in said.err


def test_an_unknown_repository_is_no_decision(shell: Shell) -> None:
    said = shell("admit", "org/nothing")
    assert (said.code, said.out) == (2, "")
    assert "hint:" in said.err


def test_offline_admits_only_what_is_here(shell: Shell, repo: PublishedRepo) -> None:
    commit = repo.commit(MODEL)
    said = shell("admit", f"org/model@{commit}", "--offline")
    assert said.code == 2
    assert "hint:" in said.err
