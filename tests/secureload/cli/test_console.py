"""What is printed: nothing acts on a terminal, nothing is half written, progress is shy."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secureload.cli import console
from secureload.errors import UsageError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@given(st.text())
def test_what_is_printable_moves_no_cursor_and_turns_no_text(text: str) -> None:
    shown = console.printable(text)
    assert not any(ord(char) < 32 and char not in "\t\n" for char in shown)
    assert not set(shown) & {"\x7f", "\x9b", "\u202e", "\u2066", "\u200f"}
    assert console.printable(shown) == shown


def test_saving_replaces_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_text("old and long")
    console.save("new", path)
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_saving_nowhere_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        console.save("x", tmp_path / "missing" / "report")
    with pytest.raises(UsageError):
        console.save("x", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_colour_is_for_terminals_whose_reader_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "xterm")
    assert console.wants_colour(Terminal())
    assert not console.wants_colour(io.StringIO())
    monkeypatch.setenv("TERM", "dumb")
    assert not console.wants_colour(Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not console.wants_colour(Terminal())
