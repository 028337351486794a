from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from secureload.registry import timm as library
from tests.secureload.registry import timm_side


def test_timm_loads_through_the_gate(tmp_path: Path) -> None:
    shown = subprocess.run(
        [
            sys.executable,
            Path(__file__).with_name("timm_loads.py"),
            timm_side.ready(),
            tmp_path,
        ],
        capture_output=True,
        text=True,
    )
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines() == [
        "equal to timm's own",
        "arguments are timm's own",
        "arguments that lead elsewhere are refused",
        "malicious weights are refused",
        "a changed byte is noticed",
    ]


@pytest.mark.parametrize(
    ("text", "repository"),
    [
        ("hf-hub:org/model", "org/model"),
        ("hf_hub:org/model@v1", "org/model@v1"),
        ("hf-hub://org/model", "org/model"),
        ("local-dir:/a/b", "/a/b"),
        ("org/model", "org/model"),
        ("./folder", "./folder"),
    ],
)
def test_the_repository_is_the_one_that_timm_would_read(text: str, repository: str) -> None:
    assert library.reference(text, {"pretrained": True}) == repository


@pytest.mark.parametrize(
    ("listed", "repository"),
    [
        ({"hf_hub_id": "timm/", "architecture": "resnet18", "tag": "a1"}, "timm/resnet18.a1"),
        ({"hf_hub_id": "timm/", "architecture": "resnet18", "tag": ""}, "timm/resnet18"),
        ({"hf_hub_id": "org/own", "architecture": "x", "tag": "y"}, "org/own"),
        ({"hf_hub_id": None, "architecture": "x", "tag": "y"}, None),
    ],
    ids=str,
)
def test_an_architecture_has_the_repository_that_timm_lists(
    listed: dict[str, Any], repository: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "original", lambda *_: lambda _: SimpleNamespace(**listed))
    assert library.reference("resnet18", {"pretrained": True}) == repository
    assert library.reference("resnet18", {}) is None
