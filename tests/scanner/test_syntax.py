"""A syntax tree is made once for one source, and its walk leaves out only what says nothing."""

from __future__ import annotations

import ast
import gc
from pathlib import Path
from typing import Any

import pytest

import scanner
from scanner import syntax
from scanner.source import explain_source

SOURCE = b"import os\nx = [a + b for a in (1, 2) if not a]\nos.path.join(x)\n"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The sources that are parsed."""
    seen: list[bytes] = []
    original = ast.parse

    def parse(data: bytes, *args: Any, **options: Any) -> ast.Module:
        if isinstance(data, bytes):
            seen.append(data)
        return original(data, *args, **options)

    monkeypatch.setattr(ast, "parse", parse)
    return seen


@pytest.mark.parametrize("name", ["m.py", "notes.txt", "run", "m.pth"])
@pytest.mark.parametrize("first", [b"", b"#!/usr/bin/env python\n"])
def test_a_scan_parses_a_source_once(
    name: str, first: bytes, tmp_path: Path, parsed: list[bytes]
) -> None:
    (tmp_path / name).write_bytes(first + SOURCE)
    report = scanner.scan([tmp_path / name])
    assert [file.format for file in report] == ["python"]
    assert len(parsed) == 1


def test_an_explanation_parses_a_source_once(parsed: list[bytes]) -> None:
    assert explain_source(SOURCE)
    assert parsed == [SOURCE]


def test_what_is_kept_is_for_the_same_source_alone(parsed: list[bytes]) -> None:
    tree = syntax.parse(SOURCE, keep=True)
    assert syntax.parse(SOURCE + b"\n") is not tree
    assert syntax.parse(SOURCE) is not tree

    kept = syntax.parse(SOURCE, keep=True)
    assert syntax.parse(SOURCE, keep=True) is kept
    assert syntax.parse(SOURCE) is kept
    assert syntax.parse(SOURCE) is not kept


@pytest.mark.parametrize("data", [b"import (", b"\0import os", b"(" * 10_000, b"\xff = 1"])
def test_what_does_not_parse_gives_no_tree(data: bytes) -> None:
    assert syntax.parse(data) is None
    assert syntax.parse(b"#" * (syntax.LARGEST + 1)) is None
    assert gc.isenabled()


def test_the_walk_meets_all_nodes_but_operators_and_contexts() -> None:
    tree = ast.parse(Path(__file__).read_bytes())
    silent = (ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop)
    expected = [node for node in ast.walk(tree) if not isinstance(node, silent)]
    assert [node for node in syntax.walk(tree) if not isinstance(node, silent)] == expected
