"""Recorded cases say what a policy is expected to decide, without anything being fetched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from secureload import policy
from secureload.errors import PolicyError
from secureload.policy import cases
from secureload.settings import Settings

PICKLE = {
    "path": "pytorch_model.bin",
    "format": "torch-zip",
    "findings": [{"rule": "unlisted-global", "severity": "high"}],
}
EVIL = {"path": "m.bin", "format": "pickle", "findings": [{"rule": "x", "severity": "critical"}]}
SAFE = {"path": "model.safetensors", "format": "safetensors"}


def run(tmp_path: Path, name: str, *listed: dict[str, Any]) -> list[str]:
    path = tmp_path / "cases.yaml"
    document = {
        "apiVersion": "secureload/v1",
        "kind": "PolicyTest",
        "metadata": {"name": "ours"},
        "spec": {"cases": list(listed)},
    }
    path.write_text(yaml.safe_dump(json.loads(json.dumps(document))))  # no aliases
    settings = Settings(home=tmp_path / "home", endpoint="", policy="default", offline=True)
    return [outcome.problem for outcome in cases.run(path, policy.load(name, settings))]


@pytest.mark.parametrize(
    ("name", "case", "expect", "rules"),
    [
        ("default", {"files": [SAFE]}, "allow", []),
        ("default", {"files": [PICKLE]}, "deny", ["unlisted-global"]),
        ("research", {"files": [PICKLE]}, "allow", []),
        ("research", {"files": [EVIL]}, "deny", ["x"]),
        ("strict", {"files": [SAFE], "revision": "0" * 40}, "deny", ["identity"]),
        ("default", {"files": [{**SAFE, "status": "failed"}]}, "error", ["unreadable"]),
        ("default", {"files": [SAFE], "signature": {"status": "bad-signature"}}, "deny",
         ["identity"]),
        ("strict", {"files": [SAFE], "revision": "0" * 40, "signature": {"status": "verified"}},
         "allow", []),
    ],
)  # fmt: skip
def test_a_case_is_judged_as_the_gate_would(
    tmp_path: Path, name: str, case: dict[str, Any], expect: str, rules: list[str]
) -> None:
    assert run(tmp_path, name, {"name": "c", "expect": expect, "rules": rules, **case}) == [""]


def test_a_difference_is_said(tmp_path: Path) -> None:
    said = run(
        tmp_path, "default",
        {"name": "a", "files": [PICKLE], "expect": "allow"},
        {"name": "b", "files": [PICKLE], "expect": "deny", "rules": ["identity"]},
        {"name": "c", "files": [PICKLE], "expect": "deny"},
    )  # fmt: skip
    assert said == [
        "expected allow, got deny",
        "expected the rules identity, got unlisted-global",
        "",
    ]


@pytest.mark.parametrize(
    "case",
    [
        {"name": "c"},
        {"name": "c", "expect": "yes"},
        {"name": "c", "expect": "allow", "file": []},
        {"name": "c", "expect": "allow", "signature": {"status": "fine"}},
    ],
)
def test_what_is_no_case_is_an_error(tmp_path: Path, case: dict[str, Any]) -> None:
    with pytest.raises(PolicyError, match=r"cases\.yaml"):
        run(tmp_path, "default", case)
