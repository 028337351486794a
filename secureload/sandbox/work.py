"""One snapshot's work in confinement, as the gate and the command line ask for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from scanner import FileResult
from scanner.engine import Found, Options
from scanner.engine import examine as examine_here
from secureload.sandbox.jobs import Job, Scanning
from secureload.sandbox.limits import LIMITS, Limits
from secureload.sandbox.lockdown import Tier
from secureload.sandbox.scanning import examine
from secureload.sandbox.worker import Spawn, Worker, fork

if TYPE_CHECKING:
    from secureload.convert.folder import Folder
    from secureload.flow import ArtifactFile, Conversion

_LOOSEST_FIRST = tuple(Tier)

Made = tuple[tuple["ArtifactFile", ...], tuple["Conversion", ...]]
Advance = Callable[[int], None]


class Sandbox:
    """Confined workers for one snapshot. `tier` is the loosest that any of them reached.

    `spawn` starts a worker; None, where the system has no processes to fork, does the work
    here. `scratch` is a folder for what is unpacked. `jobs` workers scan at once.
    """

    def __init__(
        self, spawn: Spawn | None, scratch: Path, *, jobs: int = 1, limits: Limits = LIMITS
    ) -> None:
        self._spawn = spawn
        self._scratch = scratch
        self._jobs = jobs
        self._limits = limits
        self._tiers: set[Tier] = set()

    @property
    def tier(self) -> Tier:
        """The loosest tier in which anything was done here; `NONE` when nothing was."""
        return min(self._tiers, key=_LOOSEST_FIRST.index, default=Tier.NONE)

    def examine(self, found: Sequence[Found], options: Options) -> Iterator[FileResult]:
        """Examine files, as `scanner.scan` asks; a lost worker is a failed file.

        Raises:
            SandboxError: no worker could be started.
        """
        if self._spawn is None:
            self._tiers.add(Tier.NONE)
            # The second reading is a stranger's code: not in a process that is not confined.
            return (examine_here(item, replace(options, second="never")) for item in found)
        sizes = [Path(item.path).lstat().st_size for item in found if item.kind == "file"]
        job = Scanning(
            options=options,
            readable=_tops(found),
            scratch=str(self._scratch),
            largest=max(sizes, default=0),
            memory_bytes=self._limits.memory_bytes,
        )
        return examine(found, options, lambda: self._start(job), self._limits, jobs=self._jobs)

    def convert_folder(
        self, folder: Folder, staging: Path, *, progress: Advance | None = None
    ) -> Made:
        """Convert a folder, as `convert.convert_folder` does.

        Raises:
            SecureloadError: as there; or the worker was lost, or made something else.
        """
        from secureload.convert.folder import convert_folder
        from secureload.sandbox.conversions import FolderConversion
        from secureload.sandbox.converting import check, converse

        if self._spawn is None:
            self._tiers.add(Tier.NONE)
            return convert_folder(folder, staging, progress=progress)
        total = sum((folder.root / path).lstat().st_size for path in folder.files)
        job = FolderConversion(
            root=str(folder.root),
            files=folder.files,
            approved=folder.approved,
            staging=str(staging),
            limit=None,
            verify=True,
            total=total,
            memory_bytes=self._limits.memory_bytes,
        )
        said = converse(self._start(job), total, self._limits, progress)
        files, conversions = said.files or (), said.conversions
        check(files, conversions, staging, folder.files)
        return files, conversions

    def _start(self, job: Job) -> Worker:
        assert self._spawn is not None
        worker = self._spawn(job)
        self._tiers.add(worker.tier)
        return worker


def served(scratch: Path, *, jobs: int = 1) -> Sandbox:
    """A sandbox for programs with threads, whose workers come from a server.

    Raises:
        SandboxError: the server cannot be started.
    """
    if not hasattr(os, "fork"):
        return Sandbox(None, scratch)
    from secureload.sandbox.client import serve

    scratch.mkdir(mode=0o700, exist_ok=True)
    return Sandbox(serve().spawn, scratch, jobs=jobs)


@contextmanager
def forked(*, jobs: int = 1, limits: Limits = LIMITS) -> Iterator[Sandbox]:
    """A sandbox whose workers are children of this process, which must have one thread."""
    # Made by hand: importing `tempfile` costs more than a worker does.
    scratch = Path(os.environ.get("TMPDIR") or "/tmp", f"secureload-{os.urandom(8).hex()}")
    scratch.mkdir(mode=0o700)
    try:
        yield Sandbox(fork if hasattr(os, "fork") else None, scratch, jobs=jobs, limits=limits)
    finally:
        _remove(scratch)


def _remove(folder: Path) -> None:
    """Remove a folder; all but the last step is needed only when a worker was lost."""
    try:
        folder.rmdir()
    except OSError:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)


def _tops(found: Sequence[Found]) -> tuple[str, ...]:
    """The files, or the folders they lie in: whichever is fewer; below one another once."""
    folders = sorted({os.path.dirname(os.path.abspath(item.path)) for item in found})  # noqa: PTH100, PTH120
    tops: list[str] = []
    for folder in folders:
        if not any(folder == top or folder.startswith(top.rstrip("/") + "/") for top in tops):
            tops.append(folder)
    return tuple(tops)
