"""The text report is safe to print and names every file that is not clean."""

from __future__ import annotations

from dataclasses import replace

from scanner.reports import render
from tests.scanner.reports.sample import CONTEXT, REPORT


def test_no_control_character_reaches_the_terminal() -> None:
    shown = render(REPORT, "text", CONTEXT)
    assert all(char.isprintable() or char == "\n" for char in shown)
    shown.encode("utf-8")


def test_names_files_findings_and_the_answer() -> None:
    shown = render(REPORT, "text", CONTEXT)
    assert "clean.bin" in shown
    assert "runs-shell" in shown
    assert "[a/data.pkl, byte 7, REDUCE]" in shown
    assert "4 files: 1 clean, 1 suspicious, 1 error, 1 malicious" in shown
    assert shown.endswith("deny under policy `default`\n")


def test_colour_only_when_asked() -> None:
    assert "\x1b[31m" in render(REPORT, "text", replace(CONTEXT, colour=True))
    assert "\x1b" not in render(REPORT, "text", CONTEXT)
