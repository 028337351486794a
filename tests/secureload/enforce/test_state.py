"""What the environment asks for, and what a child's environment must hold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from secureload.enforce import state
from secureload.enforce.state import SITE, environment_for, wanted


@pytest.mark.parametrize(
    ("environment", "policy"),
    [
        ({}, None),
        ({"SECURELOAD_ENFORCE": "0"}, None),
        ({"SECURELOAD_ENFORCE": "off"}, None),
        ({"SECURELOAD_ENFORCE": "1"}, "default"),
        ({"SECURELOAD_ENFORCE": "1", "SECURELOAD_POLICY": "strict"}, "strict"),
        ({"SECURELOAD_ENFORCE": "strict", "SECURELOAD_POLICY": "research"}, "strict"),
        ({"SECURELOAD_ENFORCE": "/etc/ours.yaml"}, "/etc/ours.yaml"),
    ],
)
def test_what_the_environment_asks_for(environment: dict[str, str], policy: str | None) -> None:
    assert wanted(environment) == policy


def test_a_child_has_the_policy_and_our_folder_first() -> None:
    own = environment_for("strict", {"PYTHONPATH": "/a:/b", "SECURELOAD_HOME": "/cache"})

    assert own["SECURELOAD_ENFORCE"] == own["SECURELOAD_POLICY"] == "strict"
    assert own["PYTHONPATH"].split(os.pathsep) == [str(SITE), "/a", "/b"]
    assert own["SECURELOAD_HOME"] == "/cache"


def test_our_folder_is_named_once() -> None:
    once = environment_for("strict", {})
    twice = environment_for("strict", once)

    assert twice["PYTHONPATH"] == once["PYTHONPATH"]


def test_a_policy_file_is_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert environment_for("ours.yaml", {})["SECURELOAD_ENFORCE"] == str(tmp_path / "ours.yaml")


def test_no_enforcement_is_on_in_this_process() -> None:
    assert not state.active()
