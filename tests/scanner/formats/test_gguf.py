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


def placed(name: str, *sizes: int, kind: int = 0, offset: int = 0) -> bytes:
    dimensions = struct.pack(f"<I{len(sizes)}Q", len(sizes), *sizes)
    return string(name) + dimensions + struct.pack("<IQ", kind, offset)


def test_tensors_that_lie_in_the_file_are_clean() -> None:
    data = made(tensors=2) + placed("a", 4) + placed("b", 2, 2, kind=1, offset=16) + bytes(64)
    assert_clean(data, "gguf", "m.gguf")


def test_tensors_that_do_not_are_told() -> None:
    for lies in (placed("a", 1000), placed("a", 1 << 32, 1 << 32), placed("a", 4, kind=250)):
        assert tell(made(tensors=1) + lies + bytes(64), "m.gguf").verdict is ERROR
    twice = made(tensors=2) + placed("a", 4) * 2 + bytes(64)
    assert rules(tell(twice, "m.gguf"))


def test_templates_of_an_array_are_judged() -> None:
    source = string("{{ lipsum.__globals__.os.system('id') }}")
    value = struct.pack("<IIQ", 9, 8, 1) + source
    assert "template-reaches-python" in rules(tell(made((f"{TEMPLATE}s", value)), "m.gguf"))
