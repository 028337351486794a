"""Other ways to read the same bytes, which loaders that exist take.

Two causes: a frame that ends inside an opcode, after which some loaders drop what is left of
the frame; and joblib's raw arrays, which plain pickle takes as opcodes.
"""

from __future__ import annotations

from typing import Final, Literal

from scanner.pickles.opcodes import ARGUMENTS
from scanner.pickles.source import Source

Loader = Literal["pickle", "joblib"]

COPIED: Final = 64 << 20
"""The most bytes copied for one other reading, at either side of what is dropped."""


class Alternative:
    """Another way to read the same bytes: drop data[keep_from:resume], or change the loader."""

    __slots__ = ("begin", "frame_at", "keep_from", "loader", "quiet", "resume")

    def __init__(
        self,
        keep_from: int,
        resume: int,
        frame_at: int,
        *,
        begin: int,
        loader: Loader,
        quiet: bool = False,
    ) -> None:
        self.keep_from = keep_from
        self.resume = resume
        self.frame_at = frame_at
        self.begin = begin
        self.loader: Loader = loader
        self.quiet = quiet

    def of(self, data: Source, start: int, stop: int) -> Source:
        """Return what is read instead of data[start:stop]; `data` itself if nothing is dropped."""
        if self.keep_from == self.resume:
            return data
        head = bytearray(data[start : self.keep_from])
        at = self.frame_at - start
        head[at : at + 8] = (self.keep_from - self.frame_at - 8).to_bytes(8, "little")
        return bytes(head) + data[self.resume : min(stop, self.resume + COPIED)]


def argument_end(data: Source, at: int, stop: int) -> int:
    """Return the offset after the argument of the opcode at `at`; past `stop` if it has no end."""
    layout = ARGUMENTS.get(data[at], "")
    pos = at + 1
    if layout in ("l", "ll"):
        for _ in layout:
            found = data.find(b"\n", pos, stop)
            if found < 0:
                return stop + 1
            pos = found + 1
        return pos
    if layout.startswith(("+", "=")):
        width = int(layout[1:])
        return pos + width + int.from_bytes(data[pos : pos + width], "little")
    return pos + int(layout or 0)


def crossing(data: Source, at: int, edge: int, stop: int) -> int | None:
    """Return where the read begins that runs over a frame's end; None for one that may."""
    layout = ARGUMENTS[data[at]]
    pos = at + 1
    if layout in ("l", "ll"):
        for _ in layout:
            found = data.find(b"\n", pos, stop)
            if found < 0 or found >= edge:
                return pos
            pos = found + 1
        return None
    if layout.startswith(("+", "=")):
        width = int(layout[1:])
        if pos + width > edge:
            return pos
        return None if layout.startswith("=") else pos + width
    return pos
