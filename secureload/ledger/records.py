"""What the ledger gives back of an admission; importing this imports no SQLAlchemy."""

from __future__ import annotations

import os
from dataclasses import dataclass

from secureload.flow import AdmissionKey, ArtifactFile, Conversion, Source, Verdict

_SIGNED = (1 << 63) - 1
"""SQLite's integers have a sign; some file systems use all 64 bits of an inode number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    """How a file looked on disk when its bytes were last checked."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """The stamp of a file just looked at."""
        return cls(
            device=status.st_dev & _SIGNED,
            inode=status.st_ino & _SIGNED,
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            ctime_ns=status.st_ctime_ns,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptFile:
    """A file of an admitted folder: what its bytes are, and how it looked on disk."""

    path: str
    size: int
    sha256: str
    blake3: str
    stamp: Stamp

    @property
    def plain(self) -> ArtifactFile:
        """The file as the stages know it."""
        return ArtifactFile(path=self.path, size=self.size, sha256=self.sha256)


@dataclass(frozen=True, kw_only=True, slots=True)
class Admitted:
    """An admission as it is recorded. `record` was computed again and agrees."""

    id: str
    folder: str
    key: AdmissionKey
    source: Source
    files: tuple[KeptFile, ...]
    verdict: Verdict
    conversions: tuple[Conversion, ...]
    admitted_at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RecallRecord:
    """A recall; it holds until it is lifted. Times are UTC in ISO 8601."""

    id: str
    subject: str
    reason: str
    recalled_by: str
    recalled_at: str
    lifted_by: str | None = None
    lifted_at: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadRecord:
    """An admitted folder was handed to a library, or fetched by a client of the service."""

    id: str
    admission: str
    library: str
    class_name: str
    device: str | None
    client: str | None
    loaded_at: str
