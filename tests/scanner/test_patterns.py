"""Regular expressions compiled at their first use are those that would be compiled at once."""

from __future__ import annotations

import importlib
import pkgutil
import re
from typing import Any
from unittest.mock import patch

import pytest

import scanner
from scanner.patterns import pattern


def test_it_matches_as_the_expression_does() -> None:
    ours, theirs = pattern(r"(a+)(b)?", re.IGNORECASE), re.compile(r"(a+)(b)?", re.IGNORECASE)
    for text in ("aAb", "b", "", "xaab ab"):
        assert [m.span() for m in ours.finditer(text)] == [m.span() for m in theirs.finditer(text)]
        assert bool(ours.fullmatch(text)) == bool(theirs.fullmatch(text))
        assert ours.sub(r"<\1>", text) == theirs.sub(r"<\1>", text)
    assert (ours.pattern, ours.flags, ours.groups) == (theirs.pattern, theirs.flags, 2)


def test_it_is_compiled_when_it_is_used_and_not_before() -> None:
    with patch("scanner.patterns.re.compile", wraps=re.compile) as compiling:
        late = pattern(rb"late-[0-9]+")
        assert compiling.call_count == 0
        assert late.match(b"late-1")
        assert late.match(b"late-2")
        assert compiling.call_count == 1


MODULES = sorted(
    module.name for module in pkgutil.walk_packages(scanner.__path__, "scanner.") if module.name
)


@pytest.mark.parametrize("module", MODULES)
def test_every_expression_of_the_scanner_compiles(module: str) -> None:
    late: list[Any] = [
        value
        for value in vars(importlib.import_module(module)).values()
        if type(value).__module__ == "scanner.patterns"
    ]
    assert all(isinstance(value.pattern, str | bytes) for value in late)
