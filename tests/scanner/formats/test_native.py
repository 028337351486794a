"""Files of compiled libraries are known by what fits, and hide nothing from other readers."""

from __future__ import annotations

import struct

import pytest

from tests.builders.zips import plain
from tests.scanner.told import MALICIOUS, SHELL, SUSPICIOUS, assert_clean, tell

FILES = {
    "catboost": b"CBM1" + struct.pack("<I", 40) + bytes(60),
    "fasttext": struct.pack("<iiii", 793712314, 12, 8, 5) + bytes(60),
    "sqlite": b"SQLite format 3\0" + bytes(100),
    "matlab": b"MATLAB 5.0 MAT-file, by somebody".ljust(124) + b"\0\1IM" + bytes(40),
    "orc": b"ORC" + bytes(40) + b"ORC\x10",
    "ocdbt": b"\x0c\xdb\x3a\x2a" + struct.pack("<Q", 60) + bytes(48),
    "idx": struct.pack(">IIII", 2051, 2, 3, 4) + bytes(24),
    "faiss": b"IxF2" + struct.pack("<iq", 8, 3) + bytes(60),
    "word2vec": b"2 3\n" + (b"the " + struct.pack("<3f", 1, 2, 3)) * 2,
}


@pytest.mark.parametrize("form", FILES)
def test_they_are_clean(form: str) -> None:
    assert_clean(FILES[form], form, "model.dat")


@pytest.mark.parametrize(
    ("form", "cut"),
    [("catboost", -30), ("ocdbt", -1), ("idx", -1), ("word2vec", -10), ("orc", -1)],
)
def test_what_does_not_fit_is_unrecognised(form: str, cut: int) -> None:
    result = tell(FILES[form][:cut], "model.dat")

    assert (result.format, result.verdict) == ("unknown", SUSPICIOUS)


@pytest.mark.parametrize(
    "data",
    [b"\0\0\x08\0", b"\0\0", b"\0\0\x08\x09" + bytes(40), b"1 1\n", b"CBM1", b"IxF2"],
    ids=["no-axis", "two-zeros", "too-many", "no-word", "catboost", "faiss"],
)
def test_a_head_alone_is_unrecognised_or_text(data: bytes) -> None:
    assert tell(data, "model.dat").format in ("unknown", "text")


@pytest.mark.parametrize("form", ["catboost", "sqlite", "matlab", "faiss", "word2vec"])
def test_what_lies_inside_is_told_all_the_same(form: str) -> None:
    assert tell(FILES[form] + plain({"x": SHELL}), "model.dat").verdict is MALICIOUS
    hidden = FILES[form] + b"\x80\x04" + SHELL + bytes(16)
    assert tell(hidden, "model.dat").verdict is not None
    assert tell(hidden, "model.dat").findings
