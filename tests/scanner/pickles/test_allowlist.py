"""Profiles say why, forbid what was not reviewed, and a policy adds names to them."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from scanner.pickles.allowlist import (
    PROFILES,
    Entry,
    Profiles,
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
    with pytest.raises(KeyError):
        allowlist(["torch", "os"])


def test_profiles_together_are_what_they_are_one_by_one_and_the_first_has_the_say() -> None:
    for names in (PROFILES, PROFILES[::-1], ("torch-training",), ()):
        one_by_one: dict[tuple[str, str], Entry] = {}
        for name in names:
            for key, entry in profile(name).items():
                one_by_one.setdefault(key, entry)
        asked = Profiles(names)
        for key in (*one_by_one, ("os", "system")):
            assert asked.get(key) is one_by_one.get(key)
            assert Profiles(names).get(key) is one_by_one.get(key)
        assert dict(asked) == dict(Profiles(names)) == one_by_one
        assert len(Profiles(names)) == len(one_by_one)


def test_profiles_are_read_when_those_before_them_do_not_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[str] = []

    def told(name: str) -> Mapping[tuple[str, str], Entry]:
        read.append(name)
        return profile(name)

    monkeypatch.setattr("scanner.pickles.allowlist.profile", told)
    names = Profiles(["torch", "numpy", "python_data"])
    assert read == []
    assert ("torch", "FloatStorage") in names
    assert read == ["torch"]
    assert ("os", "system") not in names
    assert ("os", "system") not in names
    assert read == ["torch", "numpy", "python_data"]


def test_profiles_may_be_asked_by_many_threads_at_once() -> None:
    wanted = [key for name in PROFILES for key in list(profile(name))[:20]]
    for _ in range(20):
        names = Profiles(PROFILES)
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(names.__contains__, wanted[::-1] * 4))


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
