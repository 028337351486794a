"""UBJSON, in which XGBoost keeps models, is read to its last byte."""

from __future__ import annotations

import pytest

from tests.scanner.told import ERROR, SUSPICIOUS, assert_clean, rules, tell


def key(name: bytes) -> bytes:
    return b"L" + len(name).to_bytes(8, "big") + name


ARRAY = key(b"w") + b"[$d#L" + (2).to_bytes(8, "big") + bytes(8)
MODEL = b"{" + ARRAY + key(b"n") + b"Sl" + (2).to_bytes(4, "big") + b"gb" + key(b"v") + b"[i\x03N]}"


def test_a_model_is_clean() -> None:
    assert_clean(MODEL, "ubjson", "model.ubj")


@pytest.mark.parametrize("end", range(30, len(MODEL), 7))
def test_a_cut_model_is_an_error(end: int) -> None:
    assert tell(MODEL[:end]).verdict is ERROR


def test_bytes_behind_the_document_are_told() -> None:
    result = tell(MODEL + b"more")

    assert (result.verdict, rules(result)) == (SUSPICIOUS, {"appended-data"})


def test_deep_nesting_is_an_error() -> None:
    assert tell(b"{" + key(b"a") + b"[" * 100_000).verdict is ERROR
