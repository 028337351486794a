"""Is an admitted folder still what was admitted?

`changed` compares how each file looks on disk (device, inode, size, times) with how it
looked when its bytes were last checked, and reads only what looks different. `always` reads
every file: the digest is of the very bytes that a library will map, and reading in order is
also the best way to bring them into memory. Either way the folder must hold exactly the
files that were admitted: not one more, and no links.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from secureload.digests import blake3_descriptor, in_threads, open_regular, sha256_descriptor
from secureload.ledger.records import KeptFile, Stamp

Mode = Literal["always", "changed", "deep"]
"""`deep` is `always` with SHA-256, the digest that signatures and the ledger speak of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """What a check found: problems, and files that look different with the same bytes."""

    problems: tuple[str, ...]
    restamped: tuple[tuple[str, Stamp], ...]


def check(folder: Path, files: Sequence[KeptFile], *, mode: Mode) -> Checked:
    """Compare a folder with what was recorded of it.

    A file that cannot be read is a problem, not an error.
    """
    problems = list(strays(folder, [file.path for file in files]))
    if problems:
        return Checked(problems=tuple(problems), restamped=())
    if mode == "changed":
        unchanged = {file.path for file in files if _looks_the_same(folder, file)}
        files = [file for file in files if file.path not in unchanged]
    restamped: list[tuple[str, Stamp]] = []
    # One large file is read by all threads together (BLAKE3); small ones side by side.
    results = in_threads(lambda file: _read_file(folder, file, deep=mode == "deep"), files)
    for file, result in zip(files, results, strict=True):
        if isinstance(result, str):
            problems.append(f"{file.path} {result}")
        elif result != file.stamp:
            restamped.append((file.path, result))
    return Checked(problems=tuple(problems), restamped=tuple(restamped))


def strays(folder: Path, paths: Iterable[str]) -> list[str]:
    """Say what is missing from a folder, and what is there and should not be."""
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            return [f"{folder.name} is not a folder"]
        found, folders, problems = _walk(folder)
    except OSError as error:
        return [f"{folder.name} cannot be read: {error.strerror or error}"]
    wanted = set(paths)
    above = {str(parent) for path in wanted for parent in PurePosixPath(path).parents} - {"."}
    problems += [f"{path} is missing" for path in sorted(wanted - found)]
    problems += [f"{path} was added" for path in sorted(found - wanted)]
    problems += [f"{path}/ was added" for path in sorted(folders - above)]
    return problems


def _walk(folder: Path) -> tuple[set[str], set[str], list[str]]:
    found: set[str] = set()
    folders: set[str] = set()
    problems = []
    pending = [""]
    while pending:
        prefix = pending.pop()
        with os.scandir(folder / prefix) as entries:
            for entry in entries:
                path = f"{prefix}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    folders.add(path)
                    pending.append(f"{path}/")
                elif entry.is_file(follow_symlinks=False):
                    found.add(path)
                else:
                    problems.append(f"{path} is a link or a special file")
    return found, folders, problems


def _looks_the_same(folder: Path, file: KeptFile) -> bool:
    try:
        return Stamp.of((folder / file.path).lstat()) == file.stamp
    except OSError:
        return False  # reading it says why


def _read_file(folder: Path, file: KeptFile, *, deep: bool) -> Stamp | str:
    """The file's stamp as it is now, or what is wrong with it."""
    try:
        with open_regular(folder / file.path) as descriptor:
            stamp = Stamp.of(os.fstat(descriptor))
            if stamp.size != file.size:
                return f"has {stamp.size} bytes instead of {file.size}"
            if deep:
                same = sha256_descriptor(descriptor) == file.sha256
            else:
                same = blake3_descriptor(descriptor) == file.blake3
            return stamp if same else "has other bytes than were admitted"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
