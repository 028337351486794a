"""Lookups by name: what `getattr` and dill's table may name, and what comes of naming more."""

from __future__ import annotations

import pytest

from scanner import FileVerdict, scan_bytes
from tests.builders.pickles import call, glob, integer, program, text

MALICIOUS, SUSPICIOUS = FileVerdict.MALICIOUS, FileVerdict.SUSPICIOUS


def getattr_of(owner: bytes, name: str) -> bytes:
    return glob("builtins", "getattr") + owner + text(name) + b"\x86R"


def verdict(*parts: bytes) -> FileVerdict:
    return scan_bytes(program(*parts), name="model.pkl").verdict


MODULE = glob("ultralytics.nn.modules", "Detect")
MADE = MODULE + b")\x81"


@pytest.mark.parametrize("owner", [MODULE, MADE], ids=["class", "instance"])
def test_a_plain_attribute_of_an_unknown_class_is_suspicious(owner: bytes) -> None:
    assert verdict(getattr_of(owner, "forward_split")) is SUSPICIOUS
    assert verdict(getattr_of(owner, "forward_split") + b")R") is SUSPICIOUS


@pytest.mark.parametrize("name", ["__class__", "__globals__", "__init__", "_os.system", "a b"])
def test_any_other_attribute_is_malicious(name: str) -> None:
    assert verdict(getattr_of(MODULE, name)) is MALICIOUS


@pytest.mark.parametrize(
    ("module", "name", "attribute"),
    [("os", "path", "join"), ("linecache", "os", "system"), ("numpy", "testing", "runstring"),
     ("importlib", "util", "find_spec"), ("pathlib", "Path", "unlink"), ("pandas", "io", "pickle")],
)  # fmt: skip
def test_attributes_of_dangerous_owners_are_malicious(
    module: str, name: str, attribute: str
) -> None:
    assert verdict(getattr_of(glob(module, name), attribute)) is MALICIOUS


def test_a_chain_of_lookups_is_malicious() -> None:
    assert verdict(getattr_of(getattr_of(MODULE, "model"), "forward")) is MALICIOUS


def test_a_computed_name_is_malicious() -> None:
    computed = call("builtins", "str", text("system"))
    assert verdict(glob("builtins", "getattr"), MODULE, computed, b"\x86R") is MALICIOUS


@pytest.mark.parametrize(
    "key", ["../../etc/passwd", "/etc/localtime", "a/../b", "UTC\0", "", "a.b", "a/b/c/d"]
)
def test_a_zone_whose_key_leaves_the_zone_data_is_not_clean(key: str) -> None:
    unpickle = getattr_of(glob("zoneinfo", "ZoneInfo"), "_unpickle")
    arguments = text(key) + integer(1) + b"\x86R"

    assert verdict(unpickle, arguments) is not FileVerdict.CLEAN
    assert verdict(unpickle, text("UTC") + integer(1) + b"\x86R") is FileVerdict.CLEAN


@pytest.mark.parametrize("name", ["CodeType", "FunctionType", "ModuleType", "eval", "type"])
def test_other_types_of_dill_s_table_are_malicious(name: str) -> None:
    assert verdict(call("dill._dill", "_load_type", text(name))) is MALICIOUS


def test_dill_evaluates_nothing_but_constants() -> None:
    assert verdict(call("dill._dill", "_eval_repr", text("print(1)"))) is MALICIOUS


def test_a_partial_is_as_dangerous_as_its_function() -> None:
    def partial(module: str, name: str) -> bytes:
        return call("functools", "partial", glob(module, name))

    assert verdict(partial("some.library", "function")) is SUSPICIOUS
    assert verdict(partial("os", "system")) is MALICIOUS
    assert verdict(partial("builtins", "getattr")) is MALICIOUS


def test_a_chain_map_over_anything_but_plain_dicts_is_not_clean() -> None:
    made = glob("collections", "ChainMap") + b")\x81"
    module = glob("os", "path")
    lookup = call("builtins", "vars", module)

    assert verdict(made, b"}" + text("maps") + b"]" + lookup + b"asb") is MALICIOUS
    assert verdict(made, b"}" + text("maps") + b"]" + MADE + b"asb") is not FileVerdict.CLEAN
    assert verdict(made, b"}" + text("maps") + b"]}asb") is FileVerdict.CLEAN
