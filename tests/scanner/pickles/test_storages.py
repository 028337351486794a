"""Storages that a plain pickle carries as bytes: one storage is data, anything else is not."""

from __future__ import annotations

import io
import pickle
from typing import Any

import pytest
import torch

from tests.builders import pickles as p
from tests.scanner.told import CLEAN, MALICIOUS, rules, tell

WHERE = ("torch.storage", "_load_from_bytes")


def carried(value: Any) -> bytes:
    """The bytes that torch writes for a storage, or for another object in its place."""
    held = io.BytesIO()
    torch.save(value, held, _use_new_zipfile_serialization=False)
    return held.getvalue()


def plain(content: bytes) -> bytes:
    return p.program(p.call(*WHERE, p.binbytes(content)))


STORAGE = carried(torch.FloatStorage([1.0] * 30))


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("elements", [0, 1, 3, 1000])
def test_tensors_that_pickle_writes_are_clean(elements: int, protocol: int) -> None:
    tensor = torch.ones(elements)
    value = {"a": tensor, "b": torch.nn.Linear(2, 1), "c": tensor.bfloat16(), "d": [tensor[1:]]}

    assert tell(pickle.dumps(value, protocol), "tensors.pkl").verdict is CLEAN


def test_one_storage_is_clean() -> None:
    assert tell(plain(STORAGE), "storage.pkl").verdict is CLEAN
    assert pickle.loads(plain(STORAGE)).tolist() == [1.0] * 30


class Acts:
    def __reduce__(self) -> Any:
        return print, ("fired",)


@pytest.mark.parametrize(
    "content",
    [
        b"x",
        b"",
        pickle.dumps(Acts()),
        carried(Acts()),
        carried({"a": torch.ones(2)}),
        carried([]),
        STORAGE + b"\0",
        STORAGE[:-1],
        STORAGE + p.program(p.glob("os", "system"), p.text("true"), p.TUPLE1, p.REDUCE),
        STORAGE.replace(b"ctorch\nFloatStorage\n", b"cos\nsystem\n"),
        STORAGE.replace(b"ctorch\n", b"cevil\n"),
        STORAGE.replace(b"\x80\x02}", b"\x80\x02cos\nsystem\n0}", 1),
    ],
    ids=[
        "junk", "empty", "a-pickle", "an-object", "a-state-dict", "a-list", "longer", "shorter",
        "followed", "renamed", "another-module", "an-import-before",
    ],
)  # fmt: skip
def test_anything_else_is_malicious(content: bytes) -> None:
    result = tell(plain(content), "storage.pkl")

    assert content != STORAGE
    assert result.verdict is MALICIOUS
    assert "unlisted-call" in rules(result)


def test_a_torch_zip_in_bytes_is_not_looked_into() -> None:
    held = io.BytesIO()
    torch.save(torch.ones(2), held)

    assert tell(plain(held.getvalue()), "storage.pkl").verdict is MALICIOUS


def test_bytes_that_are_computed_are_malicious() -> None:
    encoded = p.call("_codecs", "encode", p.text(STORAGE.decode("latin-1")), p.text("latin1"))

    assert tell(p.program(p.call(*WHERE, encoded)), "storage.pkl").verdict is MALICIOUS
    assert tell(p.program(p.call(*WHERE)), "storage.pkl").verdict is MALICIOUS


HANDED_ON = {
    "attribute": p.call("argparse", "Namespace") + p.EMPTY_DICT + p.text("f") + p.glob(*WHERE)
    + p.SETITEM + p.BUILD,
    "deep in a state": p.call("argparse", "Namespace") + p.EMPTY_DICT + p.text("f") + p.EMPTY_LIST
    + p.EMPTY_LIST + p.glob(*WHERE) + p.APPEND + p.APPEND + p.SETITEM + p.BUILD,
    "argument": p.call("collections", "OrderedDict", p.EMPTY_LIST + p.glob(*WHERE) + p.APPEND),
    "another's lookup": p.call("argparse", "Namespace") + p.EMPTY_DICT + p.text("get")
    + p.glob("builtins", "getattr") + p.SETITEM + p.BUILD,
}  # fmt: skip


@pytest.mark.parametrize("case", HANDED_ON)
def test_a_function_judged_by_its_arguments_may_not_be_handed_on(case: str) -> None:
    result = tell(p.program(HANDED_ON[case]), "state.pkl")

    assert result.verdict is not CLEAN
    assert any("may call it" in finding.message for finding in result.findings)
