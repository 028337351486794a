"""`secureload policy`: mistakes are told, and what is shown is a policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from secureload import policy
from secureload.settings import Settings
from tests.secureload.cli.shell import MODEL, Shell

HEAD = "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: ours}\n"


@pytest.mark.parametrize("name", policy.SHIPPED)
def test_what_is_shown_loads_with_the_same_digest(shell: Shell, tmp_path: Path, name: str) -> None:
    said = shell("policy", "show", name)
    assert said.code == 0
    path = tmp_path / "shown.yaml"
    path.write_text(said.out)
    settings = Settings.from_environment()
    assert policy.load(path, settings).id == policy.load(name, settings).id


def test_without_a_name_the_policy_in_force_is_shown(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shell("policy", "show", "--format", "json").json["metadata"]["name"] == "default"
    monkeypatch.setenv("SECURELOAD_POLICY", "strict")
    said = shell("policy", "show", "--format", "json").json
    assert said["schema"] == "secureload.policy/1"
    assert said["digest"] == policy.load("strict", Settings.from_environment()).id.digest


def test_every_policy_is_checked_and_any_mistake_is_exit_code_2(
    shell: Shell, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(HEAD + "spec: {extends: strict}\n")
    bad.write_text(HEAD + "spec:\n  mdoe: warn\n")
    assert shell("policy", "check", good).code == 0
    said = shell("policy", "check", bad, good, "--format", "json")
    assert said.code == 2
    assert [policy["valid"] for policy in said.json["policies"]] == [False, True]
    said = shell("policy", "check", bad, good)
    assert f"{bad}:5: " in said.err
    assert "did you mean `mode`" in said.err
    assert str(good) in said.out


def test_a_policys_trust_roots_are_checked_with_it(shell: Shell, tmp_path: Path) -> None:
    ours, root = tmp_path / "ours.yaml", tmp_path / "root.yaml"
    ours.write_text(HEAD + "spec:\n  identity: {trustRoots: [root.yaml]}\n")
    root.write_text(
        "apiVersion: secureload/v1\nkind: TrustRoot\nmetadata: {name: r}\n"
        "spec:\n  keys:\n    - {kind: openpgp, file: gone.asc}\n"
    )
    said = shell("policy", "check", ours)
    assert said.code == 2
    assert "gone.asc" in said.err


def test_a_policy_is_tested_with_cases_and_with_the_ledger(shell: Shell, tmp_path: Path) -> None:
    cases = tmp_path / "cases.yaml"
    cases.write_text(
        "apiVersion: secureload/v1\nkind: PolicyTest\nmetadata: {name: ours}\nspec:\n  cases:\n"
        "    - {name: safe, files: [{path: m.safetensors, format: safetensors}], expect: allow}\n"
    )
    assert shell("policy", "test", "default", "--cases", cases).code == 0
    said = shell("policy", "test", "strict", "--cases", cases, "--format", "json")
    assert said.code == 1
    assert said.json["results"][0]["problem"] == "expected allow, got deny"
    assert shell("policy", "test", "default").code == 2


def test_what_would_be_refused_is_known_before_enforcing(shell: Shell, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for name, data in {**MODEL, "vocab.txt": bytes(range(256)) * 4}.items():
        (model / name).write_bytes(data)
    assert shell("admit", model, "--policy", "research").code == 0
    assert shell("policy", "test", "research", "--ledger").code == 0
    for how in (["research", "--enforce"], ["strict"]):
        said = shell("policy", "test", *how, "--ledger")
        assert said.code == 1
        assert "admitted, would be deny" in said.out
        assert "unrecognised-content" in said.out


def test_what_was_never_asked_is_undecided_and_not_as_expected(
    shell: Shell, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    (model / "other").mkdir(parents=True)
    for name, data in {**MODEL, "other/weights.bin": b"never read"}.items():
        (model / name).write_bytes(data)
    ours = tmp_path / "ours.yaml"
    ours.write_text(HEAD + "spec: {scope: all}\n")
    assert shell("admit", model).code == 0

    said = shell("policy", "test", ours, "--ledger")

    assert said.code == 1
    assert "admitted, would be undecided" in said.out
    assert "not known: spec.scope: some files of the commit were not read" in said.out
    (result,) = shell("policy", "test", ours, "--ledger", "--format", "json").json["results"]
    assert (result["before"], result["verdict"]) == ("allow", "undecided")
