"""`secureload init`: one key, kept private, and what to hand to others."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from secureload.signatures import TrustRoots
from tests.secureload.cli.shell import Shell


def test_a_key_is_made_once(shell: Shell) -> None:
    said = shell("init", "--format", "json")
    assert said.code == 0
    assert stat.S_IMODE(Path(said.json["private"]).stat().st_mode) == 0o600
    (key,) = TrustRoots.load([said.json["trustRoot"]]).of("verifier")
    assert key.material == Path(said.json["public"]).read_bytes()
    again = shell("init")
    assert again.code == 2
    assert "there already" in again.err
    assert Path(said.json["public"]).read_bytes() == key.material


def test_a_key_may_lie_elsewhere(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "keys" / "operator.pem"
    said = shell("init", "--key", key)
    assert said.code == 0
    assert f"SECURELOAD_OPERATOR_KEY={key}" in said.out
    assert shell("audit", "checkpoint").code == 2
    monkeypatch.setenv("SECURELOAD_OPERATOR_KEY", str(key))
    assert shell("audit", "checkpoint").code == 0
