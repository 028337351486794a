"""A compiled policy says what the policy says, or is not used."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from pathlib import Path

import msgspec
import pytest

from scanner import Report, Severity, Status
from secureload import policy
from secureload.flow import Source
from secureload.policy import compiled as module
from secureload.policy.compiled import SHIPPED, compile_shipped, compiled
from secureload.settings import Settings
from tests.secureload.policy.test_decide import found, scanned

HERE = Source(kind="local", location="")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(module, "_FILE", tmp_path / "shipped.json")
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return dataclasses.replace(Settings.from_environment(), home=tmp_path / "home")


def plain(value: object) -> object:
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    return value


def spread(value: object) -> object:
    return {k: spread(v) for k, v in vars(value).items()} if hasattr(value, "__dict__") else value


@pytest.mark.parametrize("name", SHIPPED)
def test_every_setting_is_the_policys(settings: Settings, name: str) -> None:
    compile_shipped()
    short, whole = compiled(name, settings), policy.load(name, settings)

    assert short is not None
    assert short.id == whole.id
    assert short.mode == whole.mode
    assert spread(short.topics(HERE)) == plain(whole.topics(HERE))


@pytest.mark.parametrize("name", SHIPPED)
def test_it_judges_as_the_policy_does(settings: Settings, name: str) -> None:
    compile_shipped()
    short, whole = compiled(name, settings), policy.load(name, settings)

    assert short is not None
    for severity, status in itertools.product(Severity, Status):
        report = Report(files=(scanned(found(severity), status=status),), ruleset="")
        assert policy.judge_report(report, short) == policy.judge_report(report, whole)
    assert policy.scan_options(short.topics(HERE)) == policy.scan_options(whole.topics(HERE))


def test_settings_within_lists_are_kept_too(settings: Settings) -> None:
    class Inner(msgspec.Struct):
        name: str

    assert module._plain((Inner(name="a"), ("b",)), msgspec.Struct) == [{"name": "a"}, ["b"]]


def test_nothing_is_compiled_until_somebody_does(settings: Settings) -> None:
    assert compiled("default", settings) is None


@pytest.mark.parametrize("changed", ["policy", "reader", "damaged"])
def test_what_was_compiled_from_other_bytes_does_not_count(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changed: str
) -> None:
    compile_shipped()
    assert compiled("default", settings) is not None
    if changed == "policy":
        for name in SHIPPED:
            text = (policy.shipped_folder() / f"{name}.yaml").read_text()
            (tmp_path / f"{name}.yaml").write_text(text.replace("error: deny", "error: warn"))
        monkeypatch.setattr(module, "shipped_folder", lambda: tmp_path)
    elif changed == "reader":
        monkeypatch.setattr(module, "_READERS", ("topics.py",))
    else:
        (tmp_path / "shipped.json").write_text('{"sources": ')

    assert compiled("default", settings) is None


def test_trust_roots_of_the_users_own_are_part_of_a_policy(settings: Settings) -> None:
    compile_shipped()
    (settings.home / "trust").mkdir(parents=True)

    assert compiled("strict", settings) is None


@pytest.mark.parametrize("name", ["./default.yaml", "mine", ""])
def test_only_shipped_policies_are_compiled(settings: Settings, name: str) -> None:
    compile_shipped()

    assert compiled(name, settings) is None
