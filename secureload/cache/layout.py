"""Where things lie in the trusted cache, and the small steps that keep them safe.

blobs/sha256/ab/<64 hex>   content, read-only
models/<admission>/        what libraries load from: links to blobs
quarantine/<random>/       work in progress, each with its owner's lock
locks/                     one file a lock
secureload.db              the ledger
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from secureload.errors import CacheError, SecureloadError

_FOLDERS = ("blobs", "blobs/sha256", "models", "quarantine", "locks")


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths below a home folder."""

    home: Path

    @property
    def blobs(self) -> Path:
        """Content by its SHA-256."""
        return self.home / "blobs" / "sha256"

    @property
    def models(self) -> Path:
        """One folder an admission."""
        return self.home / "models"

    @property
    def quarantine(self) -> Path:
        """One folder a piece of work in progress."""
        return self.home / "quarantine"

    @property
    def locks(self) -> Path:
        """One file a lock."""
        return self.home / "locks"

    @property
    def database(self) -> Path:
        """The ledger."""
        return self.home / "secureload.db"

    def blob(self, sha256: str) -> Path:
        """Where the content with this SHA-256 lies, if it is there."""
        return self.blobs / sha256[:2] / sha256

    def create(self) -> None:
        """Make the folders, for their owner's eyes only.

        Raises:
            CacheError: they cannot be made.
        """
        with troubles(self.home):
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            if stat.S_IMODE(self.home.stat().st_mode) & 0o077:
                self.home.chmod(0o700)
            for folder in _FOLDERS:
                (self.home / folder).mkdir(mode=0o700, parents=True, exist_ok=True)


_WHY = {
    errno.ENOSPC: ("the disk is full", "free some space; `secureload cache gc` may help"),
    errno.EDQUOT: ("the disk quota is used up", "free some space"),
    errno.EROFS: ("the file system is read-only", "set SECURELOAD_HOME to a writable folder"),
    errno.EACCES: ("permission denied", "set SECURELOAD_HOME to a folder of your own"),
    errno.EPERM: ("not permitted", "set SECURELOAD_HOME to a folder of your own"),
    errno.ENOTDIR: ("a file lies where a folder should", "set SECURELOAD_HOME to a folder"),
    errno.EEXIST: ("a file lies where a folder should", "set SECURELOAD_HOME to a folder"),
}


@contextmanager
def troubles(path: Path) -> Iterator[None]:
    """Turn what the operating system raises into a `CacheError` about the cache at `path`.

    Raises:
        CacheError: the operating system refused something.
    """
    try:
        yield
    except SecureloadError:
        raise
    except OSError as error:
        why, hint = _WHY.get(
            error.errno or 0,
            (error.strerror or str(error), "check the folder, and try again"),
        )
        where = f" ({error.filename})" if error.filename else ""
        raise CacheError(f"the trusted cache {path}: {why}{where}", hint=hint) from error


def sync(path: Path) -> None:
    """Have the disk keep a file or a folder's entries.

    Raises:
        OSError: the disk refused.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def discard(path: Path) -> None:
    """Remove a file or a folder tree, read-only ones too; links are not followed."""
    with suppress(FileNotFoundError):
        if not stat.S_ISDIR(path.lstat().st_mode):
            path.unlink()
            return
        for folder, _, _ in os.walk(path):
            Path(folder).chmod(0o700)
        shutil.rmtree(path, ignore_errors=True)
