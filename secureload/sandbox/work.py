"""One snapshot's work in confinement, as the gate and the command line ask for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.frozen import replace
from secureload.sandbox.job import Job
from secureload.sandbox.limits import LIMITS, Limits
from secureload.sandbox.lockdown import Tier
from secureload.sandbox.worker import SandboxError, Spawn, Worker, WorkerLostError, fork

if TYPE_CHECKING:
    from scanner import FileResult
    from scanner.engine import Options
    from scanner.walk import Found
    from secureload.convert.folder import Folder
    from secureload.flow import ArtifactFile, Conversion, TensorProof
    from secureload.sandbox.explaining import Explained

_LOOSEST_FIRST = tuple(Tier)
_IMPORTING = 2
"""Workers that import the scanner each for itself sooner than this process does it for all."""

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
        from scanner import engine
        from secureload.sandbox.jobs import Scanning
        from secureload.sandbox.scanning import examine

        if self._spawn is None:
            self._tiers.add(Tier.NONE)
            # The second reading is a stranger's code: not in a process that is not confined.
            return (engine.examine(item, replace(options, second="never")) for item in found)
        if self._jobs > _IMPORTING or not _compiled():
            engine.prepare()  # once here, not once in each worker; and workers cannot keep bytecode
        sizes = [Path(item.path).lstat().st_size for item in found if item.kind == "file"]
        job = Scanning(
            options=options,
            readable=_tops(found),
            scratch=str(self._scratch),
            largest=max(sizes, default=0),
            memory_bytes=self._limits.memory_bytes,
        )
        found = [replace(item, path=_absolute(item.path)) for item in found]
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
        total = _total(folder.root, folder.files)
        job = FolderConversion(
            root=_absolute(folder.root),
            files=folder.files,
            approved=folder.approved,
            staging=_absolute(staging),
            limit=None,
            verify=True,
            total=total,
            framework=folder.framework,
            verbatim=folder.verbatim,
            memory_bytes=self._limits.memory_bytes,
        )
        said = converse(self._start(job), total, self._limits, progress)
        files, conversions = said.files or (), said.conversions
        check(files, conversions, staging, folder.root, folder.files)
        return files, conversions

    def make_path(
        self,
        source: Path,
        destination: Path,
        staging: Path,
        *,
        limit: int | None,
        verify: bool,
        progress: Advance,
    ) -> Made:
        """Convert a file, an index or a folder, as `convert.making.make_path` does.

        Raises:
            SecureloadError: as there; or the worker was lost, or made something else.
        """
        from secureload.sandbox.conversions import PathConversion
        from secureload.sandbox.converting import check, converse

        if self._spawn is None:
            from secureload.convert.making import make_path

            self._tiers.add(Tier.NONE)
            return make_path(
                source, destination, staging, limit=limit, verify=verify, progress=progress
            )
        root, names = _files_of(source)
        job = PathConversion(
            source=_absolute(source),
            destination=_absolute(destination),
            staging=_absolute(staging),
            limit=limit,
            verify=verify,
            readable=_readable(root, names),
            total=_total(root, names),
            memory_bytes=self._limits.memory_bytes,
        )
        said = converse(self._start(job), job.total, self._limits, progress)
        files, conversions = said.files or (), said.conversions
        check(files, conversions, staging, root, dict.fromkeys(names))
        return files, conversions

    def prove(self, source: Path, destination: Path) -> tuple[TensorProof, ...]:
        """Prove a conversion again, as `convert.verify_conversion` does.

        Raises:
            SecureloadError: as there; or the worker was lost.
        """
        from secureload.convert.verify import verify_conversion
        from secureload.sandbox.conversions import Proving
        from secureload.sandbox.converting import converse

        if self._spawn is None or not (source.exists() and destination.exists()):
            return verify_conversion(source, destination)
        sides = [_files_of(side) for side in (source, destination)]
        job = Proving(
            source=_absolute(source),
            destination=_absolute(destination),
            readable=tuple(path for side in sides for path in _readable(*side)),
            total=sum(_total(*side) for side in sides),
            memory_bytes=self._limits.memory_bytes,
        )
        return converse(self._start(job), job.total, self._limits, None).proofs or ()

    def explain(self, file: Path, *, most: int, options: Options) -> Explained:
        """Explain a file's pickles and scan it, as `scanner.explain` and `scan_file` do.

        Raises:
            SandboxError: no worker could be started, or the file was its end.
        """
        from secureload.sandbox.explaining import Explained, Explaining

        size = file.stat().st_size
        if self._spawn is None:
            self._tiers.add(Tier.NONE)
            options = replace(options, second="never")
        job = Explaining(
            file=_absolute(file),
            most=most,
            options=options,
            scratch=str(self._scratch),
            size=size,
            memory_bytes=self._limits.memory_bytes,
        )
        if self._spawn is None:
            return job.explained()
        worker = self._start(job)
        try:
            return worker.receive(Explained, within=self._limits.silence(size))
        except WorkerLostError as error:
            raise SandboxError(
                f"{file}: the confined worker that read it was lost: {error.why}",
                hint="the file is damaged or hostile; do not load it",
            ) from error
        finally:
            worker.close()

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
    try:
        scratch.mkdir(mode=0o700)
    except OSError:
        scratch = _elsewhere(scratch.name)
    try:
        yield Sandbox(fork if hasattr(os, "fork") else None, scratch, jobs=jobs, limits=limits)
    finally:
        _remove(scratch)


def _elsewhere(name: str) -> Path:
    """A scratch folder where there is room for one, `$TMPDIR` being of no use."""
    import tempfile

    try:
        scratch = Path(tempfile.gettempdir(), name)
        scratch.mkdir(mode=0o700)
    except OSError as error:
        raise SandboxError(
            f"no folder for temporary files: {error.strerror or error}",
            hint="set $TMPDIR to a folder that is there, is writable and has room",
        ) from error
    return scratch


def _remove(folder: Path) -> None:
    """Remove a folder; all but the last step is needed only when a worker was lost."""
    try:
        folder.rmdir()
    except OSError:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)


def _compiled() -> bool:
    """Whether the scanner's modules have their bytecode beside them already."""
    import scanner.formats

    kept = Path(scanner.formats.__file__).parent / "__pycache__"
    return (kept / f"zip.{sys.implementation.cache_tag}.pyc").exists()


def _absolute(path: str | Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100  `resolve` would follow links


def _tops(found: Sequence[Found]) -> tuple[str, ...]:
    """The folders that files lie in, those below one another once, and what links lead to."""
    files = [item.path for item in found if item.kind == "file"]
    folders = {os.path.dirname(_absolute(path)) for path in files}  # noqa: PTH120
    tops: list[str] = []
    for folder in sorted(folders):
        if not any(folder == top or folder.startswith(top.rstrip("/") + "/") for top in tops):
            tops.append(folder)
    return (*tops, *_targets(files))


def _targets(files: Iterable[str]) -> list[str]:
    """Where those of the files lie that are named by a symbolic link."""
    return [os.path.realpath(path) for path in files if os.path.islink(path)]  # noqa: PTH114


def _files_of(source: Path) -> tuple[Path, tuple[str, ...]]:
    """The folder and the names of the files that a conversion may want to read."""
    from secureload.convert.plan import is_index

    if not source.is_dir() and not is_index(source.name):
        return source.parent, (source.name,)
    from secureload.convert.making import folder_at

    root = source if source.is_dir() else source.parent
    return root, tuple(folder_at(root).files)


def _readable(root: Path, names: Sequence[str]) -> tuple[str, ...]:
    """The folder, or the one file; and what links lead to."""
    files = [_absolute(root / name) for name in names]
    return (files[0] if len(files) == 1 else _absolute(root), *_targets(files))


def _total(root: Path, names: Iterable[str]) -> int:
    total = 0
    for name in names:
        with suppress(OSError):
            total += (root / name).stat().st_size
    return total
