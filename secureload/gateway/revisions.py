"""Revision ids of the service, and what the Hub's API says of an admitted revision.

Where every served file is the publisher's own, byte for byte, the id is the upstream commit.
Where weights were converted or settings scrubbed it is another, a digest of upstream commit,
policy and converter: one id must never stand for two contents in a client's cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secureload.flow import (
    HUB_PREFIXES,
    AdmissionKey,
    ArtifactFile,
    Conversion,
    PolicyId,
    RepoType,
    repo_type_of,
)
from secureload.gateway.evidence import Document

_DIGITS = 40
"""As long as a git commit id: what clients take for a commit."""

_LFS_BYTES = 10 << 20
"""Files larger than this are listed as LFS files, as the Hub itself demands."""

_LFS_SUFFIXES = (".safetensors", ".h5", ".msgpack", ".onnx", ".gguf", ".model", ".bin", ".spm")


@dataclass(frozen=True, kw_only=True, slots=True)
class HubFile:
    """A file as the Hub's API lists it: `oid` is a git blob id, of the pointer for LFS."""

    path: str
    size: int
    sha256: str
    oid: str
    lfs: bool

    @property
    def etag(self) -> str:
        """What clients name their cached copy by."""
        return self.sha256 if self.lfs else self.oid

    @property
    def pointer_size(self) -> int:
        """Bytes of the LFS pointer that stands for the file in git."""
        return len(_pointer(self.sha256, self.size))


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """An admitted revision as it is served."""

    repository: str
    id: str
    commit: str
    """The upstream commit."""
    admission: str
    record: str
    """Digest of all that the ledger says of the admission."""
    policy: PolicyId
    ruleset: str
    files: Mapping[str, HubFile]
    folders: frozenset[str]
    about: Mapping[str, Any]
    converted: tuple[Conversion, ...]
    admitted_at: str
    warnings: tuple[str, ...] = ()
    evidence: Mapping[str, Document] = field(default_factory=dict)
    """Documents served at `.secureload/<name>`."""

    @property
    def repo_type(self) -> RepoType:
        """`model`, `dataset` or `space`."""
        return repo_type_of(self.repository)

    @property
    def name(self) -> str:
        """`org/name`, whatever the type."""
        return self.repository.removeprefix(HUB_PREFIXES[self.repo_type])


def revision_id(
    key: AdmissionKey, conversions: Iterable[Conversion], artifact: str, *, own: bool = False
) -> str:
    """The id under which an admission is served; the same for ever for the same content.

    `own` asks for one of its own even where every file is the publisher's.
    """
    converted = any(conversion.outputs for conversion in conversions)
    if not own and not converted and len(key.commit) == _DIGITS:
        return key.commit
    parts = (key.kind, key.repository, key.commit, key.policy, key.converter, key.selection)
    text = "\0".join(("secureload.hub-revision/1", *parts, artifact))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_DIGITS]


def is_lfs(path: str, size: int) -> bool:
    """Whether a file is listed as an LFS file, and so named by its SHA-256."""
    return size > _LFS_BYTES or path.endswith(_LFS_SUFFIXES)


def git_oids(root: Path, files: Iterable[ArtifactFile]) -> dict[str, str]:
    """The git blob id of every file: of its bytes, or of the pointer that stands for them."""
    return {
        file.path: _oid(
            _pointer(file.sha256, file.size)
            if is_lfs(file.path, file.size)
            else (root / file.path).read_bytes()
        )
        for file in files
    }


def _pointer(sha256: str, size: int) -> bytes:
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
    return text.encode("ascii")


def _oid(content: bytes) -> str:
    head = f"blob {len(content)}\0".encode("ascii")
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()
