"""The Markdown report lists what is not clean, and nothing in it becomes markup."""

from __future__ import annotations

from scanner.reports import render
from tests.scanner.reports.sample import CONTEXT, REPORT


def test_lists_only_what_is_not_clean() -> None:
    shown = render(REPORT, "markdown", CONTEXT)
    assert "clean.bin" not in shown
    assert "evil.bin" in shown
    assert shown.startswith("### Model scan: deny\n")


def test_content_cannot_leave_its_cell() -> None:
    shown = render(REPORT, "markdown", CONTEXT)
    assert "<script>" not in shown
    for line in shown.splitlines():
        if line.startswith("|"):
            assert line.count("|") == 6
