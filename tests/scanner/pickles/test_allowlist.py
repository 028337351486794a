"""Profiles say why, forbid what was not reviewed, and a policy adds names to them."""

from __future__ import annotations

import pickle

import pytest

from scanner.pickles.allowlist import (
    PROFILES,
    allowlist,
    default_allowlist,
    profile,
    torchscript_allowlist,
)
from scanner.pickles.machine import interpret
from scanner.pickles.values import Global
from tests.builders import pickles as p


@pytest.mark.parametrize("name", PROFILES)
def test_every_entry_says_why(name: str) -> None:
    entries = profile(name)
    assert entries
    for (module, qualified), entry in entries.items():
        assert module
        assert qualified
        assert len(entry.why) > 10


def test_there_is_no_profile_of_an_unknown_name() -> None:
    with pytest.raises(KeyError):
        profile("os")


def test_a_policy_admits_by_name_and_nothing_beside_it() -> None:
    data = p.program(p.glob("vendor.net", "Model"), p.EMPTY_TUPLE, p.NEWOBJ, p.EMPTY_DICT, p.BUILD)
    other = p.program(p.glob("vendor.net", "Other"))
    admitted = allowlist(extra=["vendor.net.Model"])
    assert not interpret(data).clean
    assert interpret(data, allowlist=admitted).clean
    assert not interpret(other, allowlist=admitted).clean
    assert not interpret(data).clean


def test_fewer_profiles_admit_less() -> None:
    data = pickle.dumps({1, 2}, 2)
    assert interpret(data).clean
    assert not interpret(data, allowlist=allowlist(["torch"])).clean


def test_python_2_spellings_are_admitted_where_python_3_ones_are() -> None:
    names = default_allowlist()
    assert names.entry("__builtin__", "set") is names.entry("builtins", "set")
    assert names.entry("__builtin__", "eval") is None


def test_torchscript_classes_are_admitted_in_its_archives_alone() -> None:
    cls = Global("__torch__.model", "Net")
    assert default_allowlist().judge_import(cls) is not None
    assert torchscript_allowlist().judge_import(cls) is None
    assert torchscript_allowlist().judge_import(Global("__torch__x", "Net")) is not None
