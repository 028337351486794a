"""`secureload convert`: files and folders on disk, published in one step or not at all."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from scanner.frozen import dataclass
from scanner.patterns import pattern
from secureload.convert.unfinished import unfinished
from secureload.errors import ConversionError, SecureloadError, UsageError
from secureload.flow import ArtifactFile, Conversion

Progress = Callable[[str, int, int], None]

_SUFFIX = ".safetensors"
_SIZE = pattern(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[kmgt]?i?b?)", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


class MakePath(Protocol):
    """What makes the files of a conversion, as `making.make_path` does: here, or confined."""

    def __call__(
        self,
        source: Path,
        destination: Path,
        staging: Path,
        *,
        limit: int | None,
        verify: bool,
        progress: Callable[[int], None],
    ) -> tuple[tuple[ArtifactFile, ...], tuple[Conversion, ...]]:
        """Make them in `staging`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Converted:
    """What a conversion wrote: `root` is the folder that `files` are relative to."""

    root: Path
    files: tuple[ArtifactFile, ...]
    conversions: tuple[Conversion, ...]


def convert_path(
    source: Path,
    destination: Path,
    *,
    max_shard_size: int | str | None = None,
    verify: bool = False,
    progress: Progress | None = None,
    through: MakePath | None = None,
) -> Converted:
    """Convert a weights file, an index with its shards, or a folder, executing nothing.

    A destination that ends in `.safetensors` is a file, which takes all the tensors of the
    source; anything else is a folder. `max_shard_size` is in bytes, or text like `5GB`; the
    weights are then distributed anew. Each tensor's digest is taken from the very buffers
    that are written; with `verify` the files are also read back and measured again, and have
    a digest of their own. Nothing is left behind on failure, and an existing file is replaced in
    one step. `through` makes the files in the place of `making.make_path`.

    Raises:
        UsageError: source and destination do not go together.
        ConversionError: the source cannot be converted; the message names what is wrong.
    """
    limit = parse_size(max_shard_size) if max_shard_size is not None else None
    if not source.exists():
        raise UsageError(f"{source} does not exist", hint="give a file or a folder")
    single = destination.suffix == _SUFFIX
    if single and destination.is_dir():
        raise UsageError(f"{destination} is a folder", hint="choose another name")
    if not single and destination.exists() and (
        not destination.is_dir() or any(destination.iterdir())
    ):  # fmt: skip
        raise UsageError(
            f"{destination} exists and is not an empty folder",
            hint="choose a new folder, or a file that ends in .safetensors",
        )
    advance = _Advance(progress, _size_of(source))
    try:
        with unfinished(destination) as staging:
            files, conversions = (through or _make_here)(
                source, destination, staging, limit=limit, verify=verify, progress=advance
            )
            root = destination.parent if single else destination
            made = Converted(root=root, files=files, conversions=conversions)
            _publish(staging, destination, made, single)
            return made
    except SecureloadError:
        raise
    except OSError as error:
        raise ConversionError(
            f"{error.filename or destination}: {error.strerror or error}",
            hint="check free space and permissions",
        ) from error


def _make_here(
    source: Path,
    destination: Path,
    staging: Path,
    *,
    limit: int | None,
    verify: bool,
    progress: Callable[[int], None],
) -> tuple[tuple[ArtifactFile, ...], tuple[Conversion, ...]]:
    from secureload.convert.making import make_path  # where a worker makes them, only it does

    return make_path(source, destination, staging, limit=limit, verify=verify, progress=progress)


def parse_size(text: int | str) -> int:
    """Read a size in bytes: a number, or text like `500MB`, `5GB`, `2GiB`.

    Raises:
        UsageError: it is neither, or not positive.
    """
    if isinstance(text, int):
        size = text
    else:
        found = _SIZE.fullmatch(text.strip())
        if found is None:
            raise UsageError(f"{text!r} is not a size", hint="write 500MB, 5GB or 2GiB")
        unit = found["unit"].lower()
        letter = unit[:1] if unit[:1] in _BINARY else ""
        factor = _BINARY[letter] if letter and "i" in unit else _UNITS[letter]
        size = math.floor(float(found["number"]) * factor)
    if size <= 0:
        raise UsageError(f"{text!r} is not a positive size", hint="write 500MB, 5GB or 2GiB")
    return size


class _Advance:
    """Counts bytes done for whoever shows progress."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.progress, self.total, self.done = progress, total, 0

    def __call__(self, count: int) -> None:
        self.done = min(self.done + count, self.total)
        if self.progress is not None:
            self.progress("convert", self.done, self.total)


def _size_of(source: Path) -> int:
    if source.is_file():
        return source.stat().st_size
    return sum(path.stat().st_size for path in source.rglob("*") if path.is_file())


def _publish(staging: Path, destination: Path, made: Converted, single: bool) -> None:
    for folder in {staging / file.path for file in made.files}:
        _sync(folder.parent)
    if single:
        # The weights come last: whoever sees them finds what lies beside them too.
        for file in sorted(made.files, key=lambda file: file.path == destination.name):
            (staging / file.path).replace(destination.parent / file.path)
    else:
        if destination.exists():
            destination.rmdir()
        staging.rename(destination)
    _sync(destination.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
