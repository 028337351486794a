"""Every pickle of a file as a program: raw, stacked, in torch's containers, in archives."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from scanner.formats import recognised
from scanner.formats.pickle import allowed
from scanner.formats.zip import _is_pickle, _may_be_packaged, _open
from scanner.frozen import dataclass
from scanner.limits import LIMITS, Limits
from scanner.pickles.explain import Line, program
from scanner.reader import Blob, Budget, FileBytes
from scanner.zips import read_directory


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """What the pickles in one place would do.

    `member` is the archive member that holds them, None for the file itself; `problem` says
    why they could not be reached, and then there are no lines.
    """

    member: str | None
    lines: tuple[Line, ...] = ()
    problem: str = ""

    @property
    def allowed(self) -> bool:
        """Whether every step is on the allowlist."""
        return not self.problem and all(line.objection is None for line in self.lines)


def explain(
    path: Path | str,
    *,
    profiles: tuple[str, ...] = (),
    allow: tuple[str, ...] = (),
    most: int = 10_000,
    limits: Limits = LIMITS,
) -> tuple[Program, ...]:
    """Explain every pickle in a file, at most `most` steps in each; nothing is run.

    Raises:
        OSError: the file cannot be read.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        held = FileBytes(fd, os.fstat(fd).st_size)
        try:
            blob = Blob(
                data=held.view,
                name=Path(path).name,
                path=Path(path).name,
                limits=limits,
                budget=Budget(limits, len(held.view)),
                profiles=profiles,
                allow=allow,
            )
            found = tuple(_programs(blob, most))
            del blob
            return found
        finally:
            held.close()
    finally:
        os.close(fd)


def _programs(blob: Blob, most: int) -> Iterator[Program]:
    if blob.depth > blob.limits.archive_depth:
        yield Program(member=blob.member, problem="archives nest deeper than the limit")
        return
    for form in recognised(blob):
        if form.name == "pickle":
            yield _program(blob, most, "none")
        elif form.name == "torch-legacy":
            yield _program(blob, most, "torch", pickles=5)
        elif form.name == "zip":
            yield from _zipped(blob, form.label(blob) if form.label else form.name, most)
        else:
            # Other containers hand on what they hold; torch's own do not, hence above.
            for item in form.read(blob):
                if isinstance(item, Blob):
                    yield from _programs(item, most)


def _zipped(blob: Blob, kind: str, most: int) -> Iterator[Program]:
    for member in read_directory(blob.data, members=blob.limits.members).members:
        if member.kind == "directory":
            continue
        torch = kind in ("torch-zip", "torchscript")
        in_data = member.name.rpartition("/")[0].rpartition("/")[2] in ("data", "constants")
        if torch and in_data:
            continue
        opened = _open(blob, member)
        if not isinstance(opened, tuple):
            yield Program(member=opened.where.member, problem=opened.message)
            continue
        inner = blob.inner(opened[0], member.name)
        packaged = kind == "torch-package" and _may_be_packaged(blob, member)
        if packaged or (torch and _is_pickle(member.name)):
            yield _program(inner, most, "torch", torchscript=kind == "torchscript")
        else:
            yield from _programs(inner, most)


def _program(
    blob: Blob,
    most: int,
    persistent_ids: str,
    *,
    pickles: int | None = None,
    torchscript: bool = False,
) -> Program:
    lines = program(
        blob.data,
        pickles=pickles,
        allowlist=allowed(blob.profiles, blob.allow, torchscript=torchscript),
        persistent_ids=persistent_ids,
        loader="joblib" if persistent_ids == "none" else "pickle",
        most=most,
    )
    return Program(member=blob.member, lines=tuple(lines))
