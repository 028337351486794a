"""A file that is written and measured at once, and how what was measured differs from claims."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from secureload.errors import ToolError
from secureload.flow import FileClaim, StoredFile


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A written file: its digests, and the blob id of the LFS pointer that stands for it."""

    stored: StoredFile
    blob: str
    pointer: str


class Writer:
    """One new file below `root`, and the running digests of what is in it.

    `advance` is told how many bytes came, fewer than none when they are forgotten. The
    digits of `commit` say by which digest the repository names its objects.

    Raises:
        OSError: something lies there already, or the disk does not take it.
    """

    def __init__(
        self, root: Path, claim: FileClaim, commit: str, advance: Callable[[int], None]
    ) -> None:
        self._claim = claim
        # SHA-256 repositories name their objects by SHA-256 too; their ids have 64 digits.
        self._algorithm = "sha256" if len(commit) == 64 else "sha1"
        self._advance = advance
        path = root / claim.path
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._handle = os.open(path, flags, 0o600)
        self.size = 0
        self._reset()

    def _reset(self) -> None:
        header = f"blob {self._claim.size}\0".encode()
        self._sha256 = hashlib.sha256()
        self._blob = hashlib.new(self._algorithm, header, usedforsecurity=False)

    def write(self, chunk: bytes) -> None:
        """Append; the caller keeps to the claimed size."""
        self.size += len(chunk)
        view = memoryview(chunk)
        while view:
            view = view[os.write(self._handle, view) :]
        self._sha256.update(chunk)
        self._blob.update(chunk)
        self._advance(len(chunk))

    def rewind(self) -> None:
        """Forget everything written, to begin again."""
        os.ftruncate(self._handle, 0)
        os.lseek(self._handle, 0, os.SEEK_SET)
        self._advance(-self.size)
        self.size = 0
        self._reset()

    def measured(self) -> Measured:
        """The digests of what was written; it must have the claimed size."""
        sha256 = self._sha256.hexdigest()
        blob = self._blob.hexdigest()
        text = (
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {self.size}\n"
        ).encode()
        pointer = hashlib.new(
            self._algorithm, f"blob {len(text)}\0".encode() + text, usedforsecurity=False
        )
        stored = StoredFile(path=self._claim.path, size=self.size, sha256=sha256, git_oid=blob)
        return Measured(stored=stored, blob=blob, pointer=pointer.hexdigest())

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)


def difference(claim: FileClaim, file: Measured, blobs: Mapping[str, str] | None) -> str:
    """Say how measured bytes differ from the verified tree or the claim; empty if they agree."""
    ids = {file.blob, file.pointer}
    if blobs is not None and (expected := blobs.get(claim.path)) not in ids:
        return (
            f"its bytes are blob {file.blob} (SHA-256 {file.stored.sha256}), "
            f"the commit has {expected}"
        )
    if claim.sha256 is not None and claim.sha256 != file.stored.sha256:
        return f"its bytes have SHA-256 {file.stored.sha256}, the source lists {claim.sha256}"
    if claim.git_oid is not None and claim.git_oid not in ids:
        return f"its bytes are blob {file.blob}, the source lists {claim.git_oid}"
    if file.stored.size != claim.size:
        return f"it has {file.stored.size:,} bytes, the source lists {claim.size:,}"
    return ""


def git_disagrees(root: Path, files: list[StoredFile]) -> dict[str, str]:
    """Have git itself compute blob ids: unlike hashlib, it detects crafted SHA-1 collisions.

    Files known by an LFS pointer are bound by SHA-256 and are not asked for.

    Raises:
        ToolError: git is not installed.
    """
    if not files:
        return {}
    # Absolute paths never begin with a quote, which git would take for an escaped name.
    names = "".join(f"{root.absolute()}/{file.path}\n" for file in files)
    try:
        done = subprocess.run(
            ["git", "hash-object", "--no-filters", "--stdin-paths"],
            cwd=root,
            env={"PATH": os.environ.get("PATH", os.defpath), "GIT_DIR": os.devnull, "LC_ALL": "C"},
            input=os.fsencode(names),
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise ToolError("git is not installed", hint="install git, and try again") from error
    found = done.stdout.decode("ascii", "replace").split()
    problems = {
        file.path: f"git takes its bytes for blob {said}, not {file.git_oid}"
        for file, said in zip(files, found, strict=False)
        if said != file.git_oid
    }
    if len(found) < len(files):
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[-300:]
        problems[files[len(found)].path] = f"git will not hash it: {said}"
    return problems
