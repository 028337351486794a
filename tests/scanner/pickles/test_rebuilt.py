"""A rebuild call tells its tensor: type, shape, place in the storage, or the layout's name."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from scanner.findings import Where
from scanner.pickles.machine import interpret
from scanner.pickles.rebuilt import rebuilt
from scanner.pickles.tensors import read_state, tensors
from scanner.pickles.values import Call, DictValue, Global, ListValue, Persistent, Value

ODDITIES = Path(__file__).parents[2] / "fixtures" / "torch-oddities"
FLOATS = Global("torch", "FloatStorage")


def storage(kind: Value = FLOATS, elements: Value = 12, *view: Value) -> Persistent:
    return Persistent(("storage", kind, "0", "cuda:1", elements, *view), 0)


def call(name: str, *args: Value, module: str = "torch._utils") -> Call:
    return Call(Global(module, name), args, opcode="REDUCE", offset=0)


def size(*sizes: int) -> Call:
    return call("Size", sizes, module="torch")


def test_a_tensor_is_a_view_of_its_storage() -> None:
    fact = rebuilt(call("_rebuild_tensor_v2", storage(), 2, size(2, 3), (3, 1)), Where())
    assert fact is not None
    assert (fact.dtype, fact.storage_dtype, fact.layout) == ("float32", "float32", "strided")
    assert (fact.shape, fact.stride, fact.storage_offset) == ((2, 3), (3, 1), 2)
    assert (fact.storage, fact.storage_elements, fact.device) == ("0", 12, "cuda:1")


def test_a_view_of_a_storage_moves_the_offset() -> None:
    held = storage(FLOATS, 12, ("view", 5, 6))
    fact = rebuilt(call("_rebuild_tensor", held, 1, ListValue([2]), (1,)), Where())
    assert fact is not None
    assert fact.storage_offset == 6


def test_the_type_of_an_untyped_storage_comes_with_the_call() -> None:
    bytes_ = storage(Global("torch", "UntypedStorage"), 24)
    lazy = DictValue(["conj", True, "neg", False])
    args = (bytes_, 0, (3,), (1,), False, None, Global("torch", "cfloat"), lazy)
    fact = rebuilt(call("_rebuild_tensor_v3", *args), Where())
    assert fact is not None
    assert (fact.dtype, fact.storage_dtype) == ("complex64", "uint8")
    assert (fact.conjugate, fact.negative) == (True, False)


def test_a_layout_that_is_not_strided_keeps_its_name_and_shape() -> None:
    half = Global("torch", "half")
    fact = rebuilt(call("_rebuild_meta_tensor_no_storage", half, (2,), (1,), False), Where())
    assert fact is not None
    assert (fact.layout, fact.dtype, fact.shape) == ("meta", "float16", (2,))


@pytest.mark.parametrize(
    "made",
    [
        call("_rebuild_tensor_v2", storage(), 0, (2,), (1,), module="vendor._utils"),
        call("_rebuild_tensor_v2", storage(), 0, (2,)),
        call("_rebuild_tensor_v2", Global("torch", "FloatStorage"), 0, (2,), (1,)),
        call("_rebuild_tensor_v2", storage(Global("torch", "Tensor")), 0, (2,), (1,)),
        call("_rebuild_tensor_v2", storage(elements="12"), 0, (2,), (1,)),
        call("_rebuild_tensor_v2", storage(), True, (2,), (1,)),
        call("_rebuild_tensor_v2", storage(), 0, (2.0,), (1,)),
        Call(call("_rebuild_tensor_v2"), (), opcode="REDUCE", offset=0),
    ],
    ids=["module", "arguments", "storage", "type", "elements", "offset", "size", "computed"],
)
def test_what_is_no_tensor_is_none(made: Call) -> None:
    assert rebuilt(made, Where()) is None


@pytest.mark.parametrize("kind", ["zip", "legacy"])
@pytest.mark.parametrize(
    ("name", "layout"), [("sparse", "sparse_coo"), ("quantized", "quantized"), ("meta", "meta")]
)
def test_layouts_that_no_dense_file_holds_are_named(name: str, layout: str, kind: str) -> None:
    data = (ODDITIES / f"{name}.{kind}.bin").read_bytes()
    if kind == "zip":
        with zipfile.ZipFile(ODDITIES / f"{name}.{kind}.bin") as archive:
            (member,) = (n for n in archive.namelist() if n.endswith("/data.pkl"))
            value = interpret(archive.read(member), persistent_ids="torch").values[0]
    else:
        value = interpret(data, persistent_ids="torch", pickles=5).values[3]
    assert layout in {fact.layout for fact in tensors(read_state(value))}
