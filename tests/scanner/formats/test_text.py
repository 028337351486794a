"""Text is inert; bytes that are no text are unknown."""

from __future__ import annotations

import pytest

from tests.scanner.told import SUSPICIOUS, assert_clean, tell


@pytest.mark.parametrize("data", [b"", b"hello\n", "größe\n".encode(), "x\n".encode("utf-16"),
                                  b"[PAD]\n[UNK]\nthe\n", b"#version: 0.2\na b\n"])  # fmt: skip
def test_text_is_clean(data: bytes) -> None:
    assert_clean(data, "text", "vocab.txt")


@pytest.mark.parametrize("name", ["model.bin", "x.txt", "y.pt"])
def test_noise_is_unknown_whatever_its_name(name: str) -> None:
    result = tell(bytes(range(128, 256)) + bytes(64), name)
    assert (result.format, result.verdict) == ("unknown", SUSPICIOUS)
