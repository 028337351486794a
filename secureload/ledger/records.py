"""What the ledger gives back; importing this imports no SQLAlchemy."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from scanner.frozen import dataclass, field
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
        return ArtifactFile(path=self.path, size=self.size, sha256=self.sha256, blake3=self.blake3)


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptDocument:
    """A document about an admission: its name and what its bytes are."""

    name: str
    size: int
    sha256: str
    blake3: str = ""


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
    evidence: tuple[KeptDocument, ...] = ()
    verifier: str = ""


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


@dataclass(frozen=True, kw_only=True, slots=True)
class HubRevisionRecord:
    """What a revision id of the service stands for; the admission may be gone."""

    repository: str
    id: str
    commit: str
    artifact: str
    admission: str
    document: Mapping[str, Any]
    published_at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class JobRecord:
    """Work that the service was asked for, and how it stands."""

    id: str
    kind: str
    repository: str
    policy: str
    requested_by: str
    created_at: str
    revision: str | None = None
    commit: str = ""
    state: str = "queued"
    outcome: Mapping[str, Any] = field(default_factory=dict)
    started_at: str | None = None
    finished_at: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenRecord:
    """A token of the service, without its text."""

    id: str
    name: str
    roles: tuple[str, ...]
    created_by: str
    created_at: str
    expires_at: str | None = None
    revoked_at: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class VerdictRecord:
    """A verdict, and when and on what it was given."""

    id: str
    kind: str
    repository: str
    revision: str | None
    decided_at: str
    verdict: Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class FindingRecord:
    """One line of a recorded scan: a file, and a finding in it if there was one."""

    path: str
    format: str
    status: str
    finding: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewRecord:
    """A request that a refusal be looked at, and what a reviewer said."""

    id: str
    verdict: str
    statement: str
    requested_by: str
    requested_at: str
    state: str
    decided_by: str | None = None
    decided_at: str | None = None
    comment: str | None = None
    waiver: str | None = None
