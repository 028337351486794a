"""The plain command lines do what the library's reading of them would."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import pytest

from secureload.cli import convert as convert_verb
from secureload.cli import scan as scan_verb
from secureload.cli.converting import convert
from secureload.cli.plain import plain
from secureload.cli.scanning import scan_paths
from secureload.policy.compiled import compile_shipped
from tests.secureload.cli.shell import EVIL, FIXTURES, ROOT


def as_the_library_reads(
    command: click.Command, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    said: dict[str, Any] = {}
    monkeypatch.setattr(command, "callback", lambda **given: said.update(given))
    command.main(words, standalone_mode=False)
    return said


def in_full(read: Callable[[], int] | None) -> dict[str, Any]:
    """The arguments of a call by name, defaults and all."""
    assert isinstance(read, partial)
    bound = inspect.signature(read.func).bind(*read.args, **read.keywords)
    bound.apply_defaults()
    return bound.arguments


@pytest.mark.parametrize(
    "words",
    [["model.bin"], ["a", "b c", "*.bin", "ü"], [""], ["scan"], ["odd\udcff"]],
    ids=ascii,
)
def test_a_plain_scan_is_read_as_the_library_reads_it(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = plain(["scan", *words], {})
    assert isinstance(read, partial)
    assert read.func is scan_paths
    assert in_full(read) == as_the_library_reads(scan_verb.command, words, monkeypatch)


@pytest.mark.parametrize("words", [["a.bin", "b.safetensors"], ["", "out"], ["a/", "./b/../c"]])
def test_a_plain_conversion_is_read_as_the_library_reads_it(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = plain(["convert", *words], {})
    assert isinstance(read, partial)
    assert read.func is convert
    assert in_full(read) == as_the_library_reads(convert_verb.command, words, monkeypatch)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["scan"],
        ["scan", "-"],
        ["scan", "a", "--quiet"],
        ["scan", "--", "a"],
        ["scan", "-h"],
        ["convert"],
        ["convert", "a"],
        ["convert", "a", "b", "c"],
        ["convert", "a", "b", "--verify"],
        ["admit", "org/model"],
        ["sacn", "a"],
        ["--server", "http://127.0.0.1:9", "scan", "a"],
    ],
    ids=" ".join,
)
def test_all_else_is_left_to_the_library(arguments: list[str]) -> None:
    assert plain(arguments, {}) is None


@pytest.mark.parametrize("variable", ["SECURELOAD_SERVER", "_SECURELOAD_COMPLETE"])
def test_variables_that_change_what_a_verb_does_are_left_to_the_library(variable: str) -> None:
    assert plain(["scan", "a"], {variable: "x"}) is None
    assert plain(["scan", "a"], {variable: ""}) is not None


def plainly(tmp_path: Path) -> list[tuple[list[str], int]]:
    source = str(FIXTURES / "distilbert-token" / "pt-zip" / "pytorch_model.bin")
    evil = tmp_path / "evil.pkl"
    evil.write_bytes(EVIL)
    return [
        (["scan", source], 0),
        (["convert", source, str(tmp_path / "made.safetensors")], 0),
        (["scan", str(evil)], 1),
    ]


@pytest.mark.parametrize("case", range(3), ids=["scan", "convert", "malicious"])
def test_it_starts_without_what_it_does_not_need(
    case: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where Python keeps no bytecode, neither are the shipped policies kept compiled.
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    compile_shipped()
    arguments, code = plainly(tmp_path)[case]
    probe = (
        "import sys; from secureload.cli import answer; code = answer(sys.argv[1:]); "
        "heavy = ('click', 'inspect', 'dataclasses', 'msgspec', 'yaml', 'numpy', 'ssl'); "
        "print([name for name in heavy if name in sys.modules], code, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stderr.strip() == f"[] {code}"


def test_a_worker_gets_ready_without_what_it_does_not_need() -> None:
    probe = (
        "import sys; from secureload.sandbox import conversions, jobs; "
        "jobs.Scanning.prepare(); conversions.PathConversion.prepare(); "
        "heavy = ('click', 'inspect', 'dataclasses', 'msgspec', 'yaml', 'numpy', 'ssl', 'h5py'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
