"""`secureload doctor`: what is there, what is missing, and when that matters."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from secureload.sandbox import Tier, landlock, probe, seccomp
from tests.secureload.cli.shell import ROOT, Shell


def test_it_tells_the_tier_and_every_tool(shell: Shell) -> None:
    said = shell("doctor", "--format", "json")

    assert said.code == 0
    assert said.json["schema"] == "secureload.doctor/1"
    assert said.json["problems"] == []
    assert set(said.json["tools"]) == {"git", "gpg", "ssh-keygen"}
    assert all(said.json["tools"].values())
    assert said.json["libraries"]["torch"].startswith("2.")
    assert said.json["sandbox"]["tier"] == probe.probe().tier.value
    assert said.json["sandbox"]["full"] is (said.json["sandbox"]["missing"] == [])
    assert said.json["cache"]["problems"] == []


def test_people_read_the_same(shell: Shell) -> None:
    said = shell("doctor")

    assert said.code == 0
    for line in ("sandbox", "landlock", "seccomp", "git", "gpg", "ssh-keygen", "torch", "cache"):
        assert line in said.out
    assert "nothing is missing" in said.out


def test_a_kernel_without_landlock_is_a_problem_only_where_the_policy_requires_it(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landlock, "version", lambda: 0)

    assert probe.probe().tier is Tier.SECCOMP
    assert shell("doctor").code == 0
    assert "no Landlock" in shell("doctor").out
    strict = shell("doctor", "--policy", "strict")
    assert strict.code == 2
    assert "requires full confinement" in strict.err


def test_without_any_mechanism_limits_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "version", lambda: 0)
    monkeypatch.setattr(seccomp, "available", lambda: False)

    found = probe.probe()

    assert found.tier is Tier.RLIMITS
    assert len(found.missing) == 2


def test_a_missing_tool_is_a_problem(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    said = shell("doctor", "--format", "json")

    assert said.code == 2
    assert len(said.json["problems"]) == 3
    assert set(said.json["tools"].values()) == {None}


def test_a_damaged_cache_is_a_problem(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "broken"
    home.mkdir()
    (home / "secureload.db").write_bytes(b"no database" * 100)
    monkeypatch.setenv("SECURELOAD_HOME", str(home))

    said = shell("doctor", "--format", "json")

    assert said.code == 2
    assert said.json["cache"]["problems"]


def test_torch_is_named_without_being_imported() -> None:
    probe_ = (
        "import sys; from secureload.cli import answer; answer(['doctor']); "
        "print([m for m in ('torch', 'transformers', 'numpy') if m in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", probe_], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert shown.stdout.splitlines()[-1] == "[]"


def test_the_operator_key_is_named_and_missed_only_where_evidence_is_required(
    shell: Shell, tmp_path: Path
) -> None:
    demanding = tmp_path / "demanding.yaml"
    demanding.write_text(
        "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: demanding}\n"
        "spec: {extends: default, evidence: {sign: required}}\n"
    )
    assert "admissions leave no signed evidence" in shell("doctor").out
    said = shell("doctor", "--policy", demanding)
    assert said.code == 2
    assert "secureload init" in said.err
    keyid = shell("init", "--format", "json").json["keyid"]
    said = shell("doctor", "--policy", demanding, "--format", "json")
    assert (said.code, said.json["operator"]) == (0, keyid)
    (tmp_path / "secureload-home/operator/key.pem").chmod(0o644)
    said = shell("doctor")
    assert said.code == 2
    assert "open to others" in said.err
