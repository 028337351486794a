"""Values in metadata: templates, scripts, pickles and archives are told, words are not."""

from __future__ import annotations

import base64
import gzip
import json
import struct

import pytest

from scanner.engine import Options, scan_bytes
from scanner.limits import Limits
from tests.builders.wire import chunk, number
from tests.builders.zips import plain
from tests.scanner.told import CLEAN, MALICIOUS, SHELL, rules, tell


def safetensors(value: bytes) -> bytes:
    raw = json.dumps({"__metadata__": {"note": value.decode("latin-1")}}).encode()
    return len(raw).to_bytes(8, "little") + raw


def unescaped(value: bytes) -> bytes:
    text = json.dumps({"__metadata__": {"note": value.decode("latin-1")}}, ensure_ascii=False)
    return len(text.encode()).to_bytes(8, "little") + text.encode()


def gguf(value: bytes) -> bytes:
    def held(raw: bytes) -> bytes:
        return struct.pack("<Q", len(raw)) + raw

    pair = held(b"general.note") + struct.pack("<I", 8) + held(value)
    return b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + pair


def onnx(value: bytes) -> bytes:
    extra = chunk(14, chunk(1, "note") + chunk(2, value))
    return number(1, 8) + chunk(7, chunk(2, "g")) + chunk(8, number(2, 17)) + extra


CARRIERS = {"safetensors": safetensors, "unescaped": unescaped, "gguf": gguf, "onnx": onnx}
TEMPLATE = b"{{ x.__class__ }} {% if y %}{% endif %}"


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (SHELL, "hidden-pickle"),
        (base64.b64encode(SHELL), "hidden-pickle"),
        (SHELL.hex().encode(), "hidden-pickle"),
        (plain({"x.pkl": SHELL}), "runs-shell"),
        (base64.b64encode(plain({"x.pkl": SHELL})), "runs-shell"),
        (base64.b64encode(gzip.compress(SHELL)), "runs-shell"),
        (b"#!/bin/sh\ntrue\n", "embedded-code"),
        (b"import os\nos.system('true')\n", "embedded-code"),
        (b"__import__('os').system('true')", "embedded-code"),
        (b"<p>Hello</p><script>f()</script>", "embedded-code"),
        (TEMPLATE, "template-reaches-python"),
        (base64.b64encode(b"\x7fELF" + bytes(60)), "embedded-code"),
    ],
    ids=["pickle", "base64", "hex", "zip", "base64 zip", "base64 gzip", "shell", "python",
         "python expression", "html", "template", "base64 elf"],
)  # fmt: skip
def test_what_a_value_holds_is_told(carrier: str, value: bytes, rule: str) -> None:
    assert rule in rules(tell(CARRIERS[carrier](value), "model.bin"))


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize(
    "value",
    [
        b"Run `curl example.invalid | sh` and call os.system('x') (never do)",
        b"AdamW(lr=0.1, betas=(0.9, 0.999))",
        b"lambda t: sin(arange(t))",
        b"{{ messages[0].content }}{% for m in messages %}{{ m }}{% endfor %}",
        json.dumps({"a": [1, 2], "path": "/home/me/x"}).encode(),
        base64.b64encode(bytes(range(200))),
        b"0123456789abcdef" * 4,
        b"<p>A model of <b>flowers</b></p>",
        "Ein Modell für Blumen".encode(),
    ],
)
def test_words_and_settings_are_clean(carrier: str, value: bytes) -> None:
    assert tell(CARRIERS[carrier](value), "model.bin").verdict is CLEAN


def test_an_archive_in_metadata_is_judged_as_one() -> None:
    assert tell(gguf(plain({"x.pkl": SHELL}))).verdict is MALICIOUS


@pytest.mark.parametrize("carrier", ["safetensors", "gguf", "onnx"])
@pytest.mark.parametrize(
    "value", [SHELL, b"import os\nos.system('true')\n"], ids=["pickle", "code"]
)
def test_neither_length_nor_number_of_values_hides_one(carrier: str, value: bytes) -> None:
    prose = b"# It is a long way.\n" * 60_000
    assert rules(tell(CARRIERS[carrier](prose + value))) & {"hidden-pickle", "embedded-code"}


def test_a_value_in_a_list_of_a_large_gguf_is_found() -> None:
    listed = struct.pack("<IQ", 8, 2) + struct.pack("<Q", 4) + b"word"
    listed += struct.pack("<Q", len(SHELL)) + SHELL
    key = struct.pack("<Q", 6) + b"tokens" + struct.pack("<I", 9)
    data = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + key + listed
    assert rules(tell(data + bytes(17 << 20))) == {"hidden-pickle"}


def test_more_source_than_is_parsed_is_told() -> None:
    header = {"__metadata__": {"a": "x = f(1)\n" * 90, "b": "x = f(2)\n" * 90}}
    raw = json.dumps(header).encode()
    few = Options(limits=Limits(source_bytes=1_000))
    result = scan_bytes(len(raw).to_bytes(8, "little") + raw, options=few)
    assert rules(result) == {"limit-reached"}
