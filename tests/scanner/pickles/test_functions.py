"""Functions that an object keeps are left alone; called, or keeping more, they are told."""

from __future__ import annotations

import collections
import functools
import math
import operator
import pickle
from typing import Any

import pytest

from scanner import FileVerdict, scan_bytes
from scanner.pickles.allowlist import default_allowlist
from scanner.pickles.functions import FUNCTION
from tests.builders.gadgets import Build, New, call, glob, pickled

CLEAN, SUSPICIOUS = FileVerdict.CLEAN, FileVerdict.SUSPICIOUS
MALICIOUS = FileVerdict.MALICIOUS
SYSTEM = glob("os:system")
EVAL = glob("builtins:eval")


def verdict(value: Any) -> FileVerdict:
    data = value if isinstance(value, bytes) else pickled(value)
    return scan_bytes(data, name="model.pkl").verdict


KEPT: dict[str, Any] = {
    "max": max,
    "sum": sum,
    "sorted": sorted,
    "map": map,
    "zip": zip,
    "chr": chr,
    "reduce": functools.reduce,
    "math.sqrt": math.sqrt,
    "operator.add": operator.add,
    "operator.getitem": operator.getitem,
    "str.lower": str.lower,
    "str.split": str.split,
    "item": operator.itemgetter(0),
    "items": operator.itemgetter("name", 2, (1, None), slice(0, 3)),
    "partial of int": functools.partial(int, base=2),
    "partial of max": functools.partial(max, key=operator.itemgetter(1), default=0),
    "partial of a method": functools.partial(str.split, sep=","),
    "factory": collections.defaultdict(len),
    "nested factory": collections.defaultdict(functools.partial(collections.defaultdict, int)),
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", KEPT)
def test_a_function_that_is_kept_is_clean(name: str, protocol: int) -> None:
    assert verdict(pickle.dumps({"fn": KEPT[name]}, protocol)) is CLEAN


@pytest.mark.parametrize("fn", [max, math.log1p, functools.partial(sorted, reverse=True)],
                         ids=["max", "log1p", "partial"])  # fmt: skip
def test_an_estimator_that_keeps_a_function_is_clean(fn: Any) -> None:
    preprocessing = pytest.importorskip("sklearn.preprocessing")

    assert verdict(pickle.dumps(preprocessing.FunctionTransformer(func=fn))) is CLEAN


@pytest.mark.parametrize("kept", [operator.attrgetter("name"), operator.methodcaller("lower")],
                         ids=["attribute", "method"])  # fmt: skip
def test_one_plain_name_to_be_looked_up_later_is_suspicious(kept: Any) -> None:
    assert verdict(pickle.dumps({"fn": kept})) is SUSPICIOUS


@pytest.mark.parametrize(
    ("getter", "args"),
    [("attrgetter", ("__class__",)), ("attrgetter", ("a.b",)), ("attrgetter", ("_os",)),
     ("attrgetter", ("a", "b")), ("attrgetter", ("system",)), ("attrgetter", ("f__globals__",)),
     ("methodcaller", ("lower", "x")), ("methodcaller", ("__reduce__",)),
     ("methodcaller", ("popen",))],
)  # fmt: skip
def test_any_other_lookup_by_name_is_malicious(getter: str, args: tuple[str, ...]) -> None:
    assert verdict(call(f"operator:{getter}", *args)) is MALICIOUS


NAME = call("operator:attrgetter", "name")
ITEM = call("operator:itemgetter", "system")
ROOT = glob("math:sqrt")
CALLED: dict[str, Any] = {
    "max": call("builtins:max", [1, 2]),
    "max by a shell": call("builtins:max", ["id"], SYSTEM),
    "sorted": call("builtins:sorted", [1]),
    "map": call("builtins:list", call("builtins:map", EVAL, ["1"])),
    "map by a harmless function": call("builtins:list", call("builtins:map", ROOT, [1])),
    "new map": New("builtins:map", (glob("builtins:len"), [])),
    "filter": call("builtins:tuple", call("builtins:filter", glob("builtins:len"), ["a"])),
    "reduce": call("functools:reduce", glob("operator:add"), [1, 2]),
    "lookup": call(NAME, glob("collections:OrderedDict")),
    "mapped lookup": call("builtins:list", call("builtins:map", NAME, [1])),
    "sorted by a lookup": call("builtins:max", [1], NAME),
    "partial of a lookup": call("functools:partial", NAME, 1),
    "partial of a shell": call("functools:partial", SYSTEM, "id"),
    "partial of getattr": call("functools:partial", glob("builtins:getattr")),
    "partial of getters": call("functools:partial", glob("operator:attrgetter"), "name"),
    "called partial": call(call("functools:partial", glob("builtins:max")), [1]),
    "item of a namespace": call(ITEM, call("builtins:vars", SYSTEM)),
    "called item": call(call("operator:itemgetter", 0), [1]),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLED)
def test_what_is_called_or_resolves_is_malicious(name: str) -> None:
    assert verdict(CALLED[name]) is MALICIOUS


def partial_by_state(*state: Any) -> Any:
    return Build(call("functools:partial", glob("builtins:int")), state)


UNCLEAR: dict[str, Any] = {
    "state of another function": partial_by_state(SYSTEM, ("id",), {}, None),
    "state of getattr": partial_by_state(glob("builtins:getattr"), (), {}, None),
    "state of a computed function": partial_by_state(NAME, (), {}, None),
    "state of odd length": partial_by_state(glob("builtins:int"), ()),
    "state that sets dunders": partial_by_state(glob("builtins:int"), (), {}, {"__class__": 1}),
    "arguments of an unlisted call": call("functools:partial", glob("vendor.net:fn"), 1),
    "arguments that are not harmless": call("functools:partial", glob("builtins:bytes"), 1 << 40),
    "factory of a lookup": call("collections:defaultdict", NAME),
    "factory that is a getter": call("collections:defaultdict", glob("operator:attrgetter")),
    "made empty": New("functools:partial", (glob("builtins:int"),)),
    "keys that are made": call("operator:itemgetter", call("vendor.net:Key")),
    "no keys": call("operator:itemgetter"),
    "state on a function": Build(glob("builtins:max"), {"a": 1}),
    "a getter handed on": Build(
        New("sklearn.preprocessing._function_transformer:FunctionTransformer"),
        {"func": glob("operator:attrgetter")},
    ),
}


@pytest.mark.parametrize("name", UNCLEAR)
def test_what_is_no_plain_function_is_not_clean(name: str) -> None:
    assert verdict(UNCLEAR[name]) in (SUSPICIOUS, MALICIOUS)


def test_functions_that_are_kept_may_be_named_and_nothing_else() -> None:
    kept = [entry for _, entry in default_allowlist() if entry.kind == FUNCTION]

    assert kept
    assert {(one.call, one.new, one.state, one.items) for one in kept} == {(None,) * 3 + (False,)}
