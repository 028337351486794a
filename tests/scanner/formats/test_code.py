"""Programs in a model folder are told by their first bytes."""

from __future__ import annotations

import pytest

from tests.scanner.told import SUSPICIOUS, assert_clean, rules, tell

PE = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0"


@pytest.mark.parametrize(
    "data",
    [
        b"\x7fELF" + bytes(60),
        PE,
        b"#!/bin/sh\ntrue\n",
        b"\xcf\xfa\xed\xfe" + bytes(60),
        b"\xa7\x0d\r\n" + bytes(60),
    ],
)
def test_programs_are_suspicious(data: bytes) -> None:
    result = tell(data, "readme.txt")
    assert result.verdict is SUSPICIOUS
    assert "embedded-code" in rules(result)


def test_a_script_for_python_is_python_alone() -> None:
    assert tell(b"#!/usr/bin/env python3\nimport torch\nprint(1)\n", "run").format == "python"
    assert tell(b"#!/usr/bin/env python\nprint 'old'\n", "run").format == "shell"
    assert tell(b"#!/bin/sh\n# python\nimport x\n", "run").verdict is SUSPICIOUS


def test_a_comment_is_no_script() -> None:
    assert_clean(b"# a heading\ntext\n", "text", "notes.txt")
    assert_clean(b"MZ is how it begins\n" * 9, "text", "notes.txt")


@pytest.mark.parametrize(
    "name", ["install.sh", "RUN.PS1", "a.bat", "a.js", "a.php", "a.lua", "Makefile", "x/Dockerfile",
             "setup.sh.", "a.cu"]
)  # fmt: skip
def test_text_is_a_program_by_its_name(name: str) -> None:
    result = tell(b"whatever lies here\n", name)
    assert "embedded-code" in rules(result)


@pytest.mark.parametrize("name", ["shell.txt", "sh", "README", "LICENSE", "vocab.txt"])
def test_other_names_make_no_program(name: str) -> None:
    assert_clean(b"whatever lies here\n", "text", name)
