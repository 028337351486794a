"""TensorFlow Lite: custom operators are told."""

from __future__ import annotations

import struct

import pytest

from tests.scanner.told import ERROR, MALICIOUS, SUSPICIOUS, assert_clean, rules, tell


def made(custom: bytes | None) -> bytes:
    """A root table whose field 1 is a vector of one operator code."""
    out = bytearray(struct.pack("<I4s", 16, b"TFL3"))
    out += struct.pack("<HHHH", 8, 8, 0, 4)  # vtable at 8: fields 0 (absent) and 1
    out += struct.pack("<iI", 8, 4)  # root table at 16; its vector follows at 24
    out += struct.pack("<II", 1, 12)  # vector of one; the operator's table at 28 + 12 = 40
    out += struct.pack("<HHHH", 8, 8, 0, 4 if custom is not None else 0)  # vtable at 32
    out += struct.pack("<iI", 8, 4)  # operator table at 40; its string follows at 48
    name = custom or b""
    return bytes(out) + struct.pack("<I", len(name)) + name + b"\0"


def test_builtin_operators_are_clean() -> None:
    assert_clean(made(None), "tflite", "model.tflite")


def test_a_custom_operator_is_told() -> None:
    result = tell(made(b"EvilOp"))
    assert "embedded-code" in rules(result)
    assert "EvilOp" in result.findings[0].message


def test_damage_is_an_error() -> None:
    assert tell(made(b"x")[:20]).verdict is ERROR


@pytest.mark.parametrize(
    "name", [b"TFLite_Detection_PostProcess", b"FlexErf", b"FlexTensorListReserve"]
)
def test_operators_of_the_runtime_and_reviewed_ones_are_clean(name: bytes) -> None:
    assert_clean(made(name), "tflite", "model.tflite")


@pytest.mark.parametrize("name", [b"FlexReadFile", b"FlexPyFunc", b"FlexWriteFile"])
def test_dangerous_operations_of_tensorflow_are_malicious(name: bytes) -> None:
    assert tell(made(name)).verdict is MALICIOUS


@pytest.mark.parametrize("name", [b"FlexNobodyKnows", b"ReadFile", b"Flex"])
def test_any_other_is_doubted(name: bytes) -> None:
    assert tell(made(name)).verdict is SUSPICIOUS


@pytest.mark.parametrize("root", [0, 4, 7, 0xFFFFFFFF], ids=str)
def test_a_root_that_is_no_table_is_damaged(root: int) -> None:
    data = root.to_bytes(4, "little") + b"TFL3" + b"\xff" * 40
    assert tell(data, "model.tflite").verdict is ERROR
