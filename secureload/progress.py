"""How far long work has come: one line on standard error, for people at a terminal."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator

_AFTER_S = 0.5
"""Seconds before a progress line appears, so that short work stays quiet."""
_EVERY_S = 0.1


class Progress:
    """A line on standard error that tells how far long work has come.

    Call it with a label, what is done and what there is to do. It draws nothing unless
    standard error is a terminal and the work has taken half a second.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._active = not quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._started = self._drawn = time.monotonic()
        self._shown = False

    def __call__(self, label: str, done: int, total: int) -> None:
        """Say that `done` of `total` (bytes or files; 0 for unknown) are finished."""
        now = time.monotonic()
        if (
            not self._active
            or now - self._started < _AFTER_S
            or (now - self._drawn < _EVERY_S and done != total)
        ):
            return
        self._drawn = now
        self._shown = True
        share = min(done / total, 1.0) if total else 0.0
        filled = round(share * 24)
        bar = f"{'█' * filled}{'░' * (24 - filled)} {share:4.0%}" if total else f"{done}"
        shown = "".join(letter for letter in label if letter.isprintable())
        from shutil import get_terminal_size  # brings all archive formats along

        columns = get_terminal_size().columns
        sys.stderr.write(f"\r\x1b[K{bar} {shown}"[: columns + 3])
        sys.stderr.flush()

    def clear(self) -> None:
        """Remove the line."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False


@contextlib.contextmanager
def progress(*, quiet: bool = False) -> Iterator[Progress]:
    """Show progress while a block runs, and tidy up after it."""
    shown = Progress(quiet=quiet)
    try:
        yield shown
    finally:
        shown.clear()
