"""GGUF: the chat template is judged, the header is checked."""

from __future__ import annotations

import struct

from tests.scanner.told import ERROR, assert_clean, rules, tell


def string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def made(*pairs: tuple[str, bytes], tensors: int = 0) -> bytes:
    body = b"".join(string(key) + value for key, value in pairs)
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, len(pairs)) + body


TEMPLATE = "tokenizer.chat_template"


def text(value: str) -> bytes:
    return struct.pack("<I", 8) + string(value)


def test_plain_metadata_is_clean() -> None:
    array = struct.pack("<IIQ", 9, 8, 2) + string("a") + string("b")
    number = struct.pack("<IQ", 10, 7)
    assert_clean(made(("x", text("y")), ("list", array), ("n", number)), "gguf", "m.gguf")


def test_the_template_is_judged() -> None:
    assert "template-reaches-python" in rules(tell(made((TEMPLATE, text("{{ x.__class__ }}")))))


def test_damage_is_an_error() -> None:
    whole = made(("x", text("y")))
    for data in (whole[:-1], made(tensors=5), b"GGUF\x09\0\0\0", made(("x", struct.pack("<I", 99))),
                 made(("a", struct.pack("<IIQ", 9, 9, 1 << 60)))):  # fmt: skip
        assert tell(data).verdict is ERROR
