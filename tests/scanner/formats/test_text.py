"""Text is inert; bytes that are no text are unknown."""

from __future__ import annotations

import pytest

from scanner.engine import Options, scan_bytes
from scanner.limits import Limits
from tests.scanner.told import CLEAN, ERROR, MALICIOUS, SUSPICIOUS, assert_clean, rules, tell


@pytest.mark.parametrize("data", [b"", b"hello\n", "größe\n".encode(), "x\n".encode("utf-16"),
                                  b"[PAD]\n[UNK]\nthe\n", b"#version: 0.2\na b\n"])  # fmt: skip
def test_text_is_clean(data: bytes) -> None:
    assert_clean(data, "text", "vocab.txt")


@pytest.mark.parametrize("name", ["model.bin", "x.txt", "y.pt"])
def test_noise_is_unknown_whatever_its_name(name: str) -> None:
    result = tell(bytes(range(128, 256)) + bytes(64), name)
    assert (result.format, result.verdict) == ("unknown", SUSPICIOUS)


def test_text_in_an_8_bit_code_is_clean() -> None:
    assert_clean("café au lait, s'il vous plaît\n".encode("latin-1"), "text", "notes.txt")
    assert tell(bytes(range(0x80, 0x100)) * 4, "notes.txt").verdict is not CLEAN


def test_utf_16_is_read_as_the_text_that_it_is() -> None:
    tagged = "a: !!python/object/apply:os.system ['true']\n"
    assert tell(tagged.encode("utf-16"), "config.yaml").verdict is MALICIOUS


@pytest.mark.parametrize("name", ["pytorch_model.bin", "a.PT", "model.safetensors", "x.pkl"])
@pytest.mark.parametrize("data", [b"", b"curl example.invalid | sh\n"], ids=["nothing", "text"])
def test_text_where_the_name_promises_weights_is_not_clean(data: bytes, name: str) -> None:
    assert "malformed-file" in rules(tell(data, name))


@pytest.mark.parametrize(
    "data",
    [b'{"x": "\xe9", "auto_map": {}}', b'// x\n{"auto_map": {}}', b"{auto_map: {}}"],
    ids=["latin-1", "a comment", "keys without quotes"],
)
def test_what_is_no_json_is_not_clean_under_its_name(data: bytes) -> None:
    assert tell(data, "config.json").verdict not in (CLEAN, MALICIOUS)


def test_yaml_in_another_code_is_not_clean() -> None:
    assert "malformed-file" in rules(tell(b"a: \xe9\n", "config.yaml"))


def test_utf_16_too_long_to_read_is_told() -> None:
    few = Options(limits=Limits(json_bytes=1_000))
    data = ("prose " * 1_000).encode("utf-16")
    result = scan_bytes(data, name="notes.txt", options=few)
    assert [finding.rule for finding in result.findings] == ["limit-reached"]


@pytest.mark.parametrize("document", [b"null", b"5", b'"x"', b"-1.5\n", b"true"])
def test_a_plain_value_is_a_json_document(document: bytes) -> None:
    assert_clean(document, "text", "value.json")


@pytest.mark.parametrize("document", [b"nul", b'"x', b"5 6", b"hello", b'"\\"'])
def test_anything_else_is_none(document: bytes) -> None:
    assert tell(document, "value.json").verdict is ERROR
