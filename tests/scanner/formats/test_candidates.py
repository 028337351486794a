"""Asking only the formats that a first byte allows finds what asking all of them finds."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.formats import formats, recognised
from scanner.limits import LIMITS
from scanner.reader import Blob, Budget

FIXTURES = Path(__file__).parents[2] / "fixtures"

BEGINNINGS = (
    b"", b"GGUF\x03\0\0\0", b"\x93NUMPY\x01\0", b"\x08\x07:\x02\n\0", b"\x08\x01\x12\x04\n\x02\n\0",
    b"\n\x05\n\x01a\x12\0", b"\x81\xa1a\x01", b"\xde\0\x01\xa1a\x01", b"\xdf\0\0\0\x01\xa1a\x01",
    b"\x80\x02\x8a\x0a" + 0x1950A86A20F9469CFC6C.to_bytes(10, "little") + b".", b"\x80\x04N.",
    b"\x02\0\0\0\0\0\0\0{}", b'{"a": 1}', b"a: 1\n", b"import os\nos.system('x')\n",
    b"{{ x }}", b"\xef\xbb\xbf{}", b"\xff\xfe{\0}\0", b"cos\nsystem\n(S'x'\ntR.", b"PK\x03\x04",
)  # fmt: skip


def asked_of_all(blob: Blob) -> list[str]:
    known = [form for form in formats() if form.recognise(blob)]
    strong = [form.name for form in known if not form.inert]
    inert = [form.name for form in known if form.inert]
    if inert and all(form.aspect for form in known if not form.inert):
        return [inert[0], *strong]
    return strong


def blob_of(data: bytes, name: str, hint: str = "") -> Blob:
    return Blob(
        data=memoryview(data), name=name, path=name, limits=LIMITS, budget=Budget(LIMITS), hint=hint
    )


def agree(data: bytes, name: str, hint: str = "") -> None:
    found = [form.name for form in recognised(blob_of(data, name, hint))]
    assert found == asked_of_all(blob_of(data, name, hint)), data[:40]


@settings(deadline=None)
@given(
    st.sampled_from(BEGINNINGS),
    st.binary(max_size=40) | st.text(max_size=40).map(str.encode),
    st.sampled_from(("model.bin", "setup.py", "config.json", "tokenizer.model")),
    st.sampled_from(("", "pickle", "raw", "torchscript")),
)
def test_agrees_on_beginnings_of_known_formats(
    head: bytes, rest: bytes, name: str, hint: str
) -> None:
    agree(head + rest, name, hint)


@settings(deadline=None)
@given(st.binary(max_size=64))
def test_agrees_on_any_bytes(data: bytes) -> None:
    agree(data, "model.bin")


@settings(deadline=None)
@given(
    st.from_regex(rb"\s{0,2}[A-Za-z0-9_.{<:-]{1,12}\s{0,2}", fullmatch=True),
    st.sampled_from(("version", ".format_version", ".py", "a.PTH. ", "b.j2", "c.json", "d.yml")),
)
def test_agrees_on_single_words(data: bytes, name: str) -> None:
    agree(data, name)


@pytest.mark.parametrize("word", [b"3\n", b"little", b"64", b"123456789", b"import", b"true", b"N"])
@pytest.mark.parametrize("name", ["version", ".format_version", "a.py", "b.pth", "c.jinja", "d.md"])
def test_agrees_on_words_that_lie_in_archives(word: bytes, name: str) -> None:
    agree(word, name)


@pytest.mark.parametrize("first", range(256))
def test_agrees_on_every_first_byte(first: int) -> None:
    for rest in (b"", b"\0" * 20, b"a" * 20, b"\xa1a\x01", b"\n\x01a\x12\0"):
        agree(bytes((first,)) + rest, "model.bin")


def test_agrees_on_real_files() -> None:
    paths = [path for path in sorted(FIXTURES.rglob("*")) if path.is_file()]
    assert len(paths) > 50
    for path in paths:
        agree(path.read_bytes(), path.name)
