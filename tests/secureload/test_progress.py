"""Progress is drawn for people at a terminal, and only for work that takes a while."""

from __future__ import annotations

import io
import sys

import pytest

from secureload import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def at_terminal(monkeypatch: pytest.MonkeyPatch, *, after: float = 0.0) -> Terminal:
    """Put a terminal in the place of standard error; for the test itself, not a fixture."""
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    monkeypatch.setattr(progress, "_AFTER_S", after)
    monkeypatch.setenv("TERM", "xterm")
    return made


def test_a_terminal_sees_the_share_and_a_clean_line_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = at_terminal(monkeypatch)
    with progress.progress() as shown:
        shown("fetch", 10, 10)
    assert "100% fetch" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_a_label_cannot_steer_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = at_terminal(monkeypatch)
    with progress.progress() as shown:
        shown("a\x1b[2Jb\n", 1, 1)
    assert "\x1b[2J" not in terminal.getvalue()
    assert "\n" not in terminal.getvalue()


def test_quiet_and_files_see_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_terminal(monkeypatch)
    with progress.progress(quiet=True) as shown:
        shown("fetch", 1, 1)
    assert terminal.getvalue() == ""
    plain = io.StringIO()
    monkeypatch.setattr(sys, "stderr", plain)
    with progress.progress() as shown:
        shown("fetch", 1, 1)
    assert plain.getvalue() == ""


def test_short_work_stays_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_terminal(monkeypatch, after=60.0)
    with progress.progress() as shown:
        shown("fetch", 1, 1)
    assert terminal.getvalue() == ""
