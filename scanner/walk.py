"""The files on disk: those that a walk meets and those beside one; no link met is followed."""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from scanner.frozen import dataclass, replace

if TYPE_CHECKING:
    from pathlib import Path

_MOST_BESIDE = 5_000


@dataclass(frozen=True, slots=True)
class Found:
    """A path that the walk met: its name in the report, where it lies, what it is."""

    shown: str
    path: str
    kind: str


def walk(paths: Sequence[Path | str]) -> Iterator[Found]:
    """Yield what lies at these paths and below them, links and pipes as such."""
    for given in paths:
        text = os.fspath(given)
        kind = kind_of(text, follow=True)
        if kind == "directory":
            yield from _below(text)
        else:
            name = os.path.basename(os.path.abspath(text)) or text  # noqa: PTH100, PTH119
            yield Found(name, text, kind)


def _below(top: str) -> Iterator[Found]:
    pending = [("", top)]
    while pending:
        prefix, folder = pending.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            yield Found(prefix.rstrip("/") or os.path.basename(top), folder, "unreadable")  # noqa: PTH119
            continue
        for entry in entries:
            shown = prefix + entry.name
            if entry.is_symlink():
                yield Found(shown, entry.path, "symlink")
            elif entry.is_dir(follow_symlinks=False):
                pending.append((shown + "/", entry.path))
            else:
                yield Found(shown, entry.path, kind_of(entry.path, follow=False))


def kind_of(path: str, follow: bool) -> str:
    """`file`, `directory`, `symlink`, `fifo`, `socket`, `device` or `unreadable`."""
    try:
        mode = os.stat(path, follow_symlinks=follow).st_mode  # noqa: PTH116
    except OSError:
        return "unreadable"
    for test, kind in (
        (stat.S_ISREG, "file"),
        (stat.S_ISDIR, "directory"),
        (stat.S_ISLNK, "symlink"),
        (stat.S_ISFIFO, "fifo"),
        (stat.S_ISSOCK, "socket"),
    ):
        if test(mode):
            return kind
    return "device"


def unique(found: Iterator[Found]) -> Iterator[Found]:
    """Yield each path once, and no two under one name."""
    seen: set[str] = set()
    shown: set[str] = set()
    for item in found:
        real = os.path.abspath(item.path)  # noqa: PTH100
        if real in seen:
            continue
        seen.add(real)
        # Two arguments may hold files of one relative name; the later is told in full.
        name = item.shown if item.shown not in shown else item.path
        shown.add(name)
        yield replace(item, shown=name)


def matches(path: str, globs: Sequence[str]) -> bool:
    """Whether a relative path, or its last part, matches one of these globs."""
    base = path.rpartition("/")[2]
    return any(fnmatch.fnmatchcase(path, glob) or fnmatch.fnmatchcase(base, glob) for glob in globs)


class Beside:
    """The plain files in a folder; links are not followed."""

    def __init__(self, folder: str) -> None:
        self._folder = folder or "."

    def names(self) -> list[str]:
        """All of them in order; none when there are more than anyone keeps beside a model."""
        try:
            with os.scandir(self._folder) as entries:
                found = [entry.name for entry in islice(entries, _MOST_BESIDE + 1)]
        except OSError:
            return []
        return sorted(found) if len(found) <= _MOST_BESIDE else []

    def read(self, name: str, most: int) -> bytes | None:
        """The whole of one, None when it is too long or cannot be read."""
        path = os.path.join(self._folder, name)  # noqa: PTH118
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            with open(fd, "rb", buffering=0) as file:  # noqa: PTH123
                state = os.fstat(fd)
                if not stat.S_ISREG(state.st_mode) or state.st_size > most:
                    return None
                return file.read(most)
        except OSError:
            return None
