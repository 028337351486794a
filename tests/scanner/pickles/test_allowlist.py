"""Profiles say why, forbid what was not reviewed, and a policy adds names to them."""

from __future__ import annotations

import pickle
from typing import Any

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


def tensor(**changed: bytes) -> bytes:
    storage = p.MARK + p.text("storage") + p.glob("torch", "FloatStorage") + p.text("0")
    storage += p.text("cpu") + p.integer(4) + p.TUPLE + p.BINPERSID
    ones = p.integer(1) + p.TUPLE1
    parts: dict[str, bytes] = {
        "storage": storage, "offset": p.integer(0), "size": ones, "stride": ones,
        "grad": p.FALSE, "hooks": p.glob("collections", "OrderedDict") + p.EMPTY_TUPLE + p.REDUCE,
    }  # fmt: skip
    return p.program(p.call("torch._utils", "_rebuild_tensor_v2", *(parts | changed).values()))


def test_the_grammar_of_a_tensor() -> None:
    assert interpret(tensor(), persistent_ids="torch").clean


@pytest.mark.parametrize(
    "changed",
    [
        {"storage": p.text("x")},
        {"offset": p.text("0")},
        {"size": p.text("1")},
        {"stride": p.MARK + p.NONE + p.LIST},
        {"grad": p.text("x")},
        {"hooks": p.glob("collections", "OrderedDict")},
        {"hooks": p.EMPTY_DICT + p.integer(0) + p.glob("numpy", "mean") + p.SETITEM},
    ],
    ids=str,
)
def test_a_tensor_with_other_arguments_is_not_clean(changed: dict[str, bytes]) -> None:
    assert not interpret(tensor(**changed), persistent_ids="torch").clean


HARMLESS: list[Any] = [
    p.call("datetime", "date", p.integer(2020), p.integer(1), p.integer(1)),
    p.call("numpy", "dtype", p.text("f8"), p.FALSE, p.TRUE),
    p.call("_codecs", "encode", p.text("x"), p.text("latin1")),
    p.call("builtins", "getattr", p.glob("transformers.training_args", "OptimizerNames"),
           p.text("ADAMW")),
    p.call("copyreg", "_reconstructor", p.glob("argparse", "Namespace"),
           p.glob("builtins", "object"), p.NONE),
    p.call("collections", "defaultdict", p.glob("builtins", "list")),
    p.call("joblib.numpy_pickle", "NumpyArrayWrapper")[:0] + p.NONE,
]  # fmt: skip


@pytest.mark.parametrize("part", HARMLESS, ids=str)
def test_reviewed_calls_are_clean(part: bytes) -> None:
    assert interpret(p.program(part)).clean


HOSTILE = [
    p.call("numpy", "dtype", p.text("f8, (2)O, __import__")),
    p.call("_codecs", "encode", p.text("x"), p.text("rot13")),
    p.call("builtins", "getattr", p.glob("transformers.training_args", "OptimizerNames"),
           p.text("__class__")),
    p.call("copyreg", "_reconstructor", p.glob("numpy", "mean"), p.glob("builtins", "object"),
           p.NONE),
    p.call("copyreg", "__newobj__", p.glob("builtins", "getattr"), p.NONE),
    p.call("collections", "defaultdict", p.glob("builtins", "getattr")),
    p.call("builtins", "list", p.call("builtins", "range", p.integer(2**40))),
    p.call("builtins", "bytes", p.integer(2**40)),
    p.call("numpy.core.multiarray", "_reconstruct", p.glob("builtins", "list"),
           p.integer(0) + p.TUPLE1, p.text("b")),
    p.call("pathlib", "PosixPath", p.NONE),
    p.call("sklearn.neighbors._kd_tree", "newObj", p.glob("builtins", "list")),
]  # fmt: skip


@pytest.mark.parametrize("part", HOSTILE, ids=str)
def test_a_permitted_name_with_a_hostile_argument_is_not_clean(part: bytes) -> None:
    assert not interpret(p.program(part)).clean
