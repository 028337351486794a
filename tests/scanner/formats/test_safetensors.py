"""safetensors: every promise of the header is checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.scanner.told import CLEAN, ERROR, assert_clean, rules, tell

FIXTURES = Path(__file__).parents[2] / "fixtures"


def made(header: object, data: bytes = b"\0" * 8, *, length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(raw) if length is None else length).to_bytes(8, "little") + raw + data


def tensor(start: int, end: int, dtype: str = "F32", shape: tuple[int, ...] = (2,)) -> object:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


@pytest.mark.parametrize("path", sorted(FIXTURES.rglob("model*.safetensors")),
                         ids=lambda p: "/".join(p.parts[-3:]))  # fmt: skip
def test_real_files_are_clean(path: Path) -> None:
    assert tell(path.read_bytes(), path.name).verdict is CLEAN


@pytest.mark.parametrize("length", [0x180, 0x280, 0x480, 0x580])
def test_a_header_length_that_reads_like_a_pickle_is_no_pickle(length: int) -> None:
    raw = json.dumps({"w": tensor(0, 8)}).encode().ljust(length)

    assert_clean(made(raw), "safetensors")


@pytest.mark.parametrize("length", range(60, 320))
def test_no_header_length_makes_another_format_of_it(length: int) -> None:
    raw = json.dumps({"__metadata__": {"x": "y"}}).encode().ljust(length)

    assert_clean(made(raw, b""), "safetensors")


def test_a_proper_file_is_clean() -> None:
    assert_clean(made({"__metadata__": {"format": "pt"}, "a": tensor(0, 8)}), "safetensors")
    assert_clean(made({}, b""), "safetensors")


@pytest.mark.parametrize(
    "data",
    [
        made({"a": tensor(0, 8)}, length=1 << 30),
        made({"a": tensor(0, 8)}, b"\0" * 4),
        made({"a": tensor(0, 8)}, b"\0" * 12),
        made({"a": tensor(0, 8), "b": tensor(4, 8, shape=(1,))}),
        made({"a": tensor(4, 8, shape=(1,))}),
        made({"a": tensor(0, 8, "F99")}),
        made({"a": tensor(0, 8, shape=(3,))}),
        made({"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}),
        made({"a": {"dtype": "F32", "shape": [2]}}),
        made({"a": tensor(8, 0)}),
        made({"__metadata__": {"a": 1}, "a": tensor(0, 8)}),
        made(b'{"a": 1, "a": 2}', b""),
        made(b"{" * 10, b""),
        made(b'{"a":' * 5000, b""),
    ],
    ids=["length", "cut", "trailing", "overlap", "hole", "type", "shape", "negative", "missing",
         "backwards", "metadata", "duplicate", "broken", "deep"],
)  # fmt: skip
def test_each_broken_promise_is_an_error(data: bytes) -> None:
    assert tell(data).verdict is ERROR


def test_a_foreign_layout_is_a_note() -> None:
    result = tell(made({"__metadata__": {"format": "tf"}, "a": tensor(0, 8)}))
    assert rules(result) == {"foreign-layout"}
    assert result.verdict is CLEAN


@pytest.mark.parametrize(
    "data", [b"\x7fELF\x02\x01\x01\0", b"#!/bin/sh\nid\n!!!", b"7z\xbc\xaf\x27\x1c" + bytes(10)]
)
def test_a_tensor_that_is_a_program_or_archive_is_read_as_one(data: bytes) -> None:
    header = {"a": tensor(0, len(data), "U8", (len(data),))}
    assert rules(tell(made(header, data), "model.safetensors"))
