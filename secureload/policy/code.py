"""Which code a policy approves: a file of digests that people keep beside it.

apiVersion: secureload/v1
kind: CodeApprovals
metadata: {name: reviewed}
spec:
  approved:
    - {digest: "sha256:...", repos: ["org/*"], by: reviewer@example.org, reason: "..."}
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from secureload.documents import Metadata, load_document
from secureload.policy.topics import Name, Topic, Topics

Digest = Annotated[str, msgspec.Meta(pattern=r"^sha256:[0-9a-f]{64}$")]


class Approved(Topic, frozen=True, kw_only=True):
    """One code set: its digest, the repositories it may come from, and who says why.

    `files` names the files that were reviewed with their SHA-256, for readers; the digest
    decides.
    """

    digest: Digest
    repos: tuple[Name, ...] = ("*",)
    by: str = ""
    reason: str = ""
    on: str = ""
    files: dict[str, str] = msgspec.field(default_factory=dict)


class Approvals(Topic, frozen=True, kw_only=True):
    """Every code set that was approved."""

    approved: tuple[Approved, ...] = ()


class ApprovalsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The document."""

    apiVersion: str  # noqa: N815
    kind: Literal["CodeApprovals"]
    metadata: Metadata
    spec: Approvals


def approvals(path: Path) -> tuple[Approved, ...]:
    """Read the approvals in a file.

    Raises:
        PolicyError: it cannot be read or is not valid; the message names file and line.
    """
    return load_document(path, ApprovalsFile).spec.approved


def approved_code(topics: Topics, repository: str) -> frozenset[str] | None:
    """The digests of code that may run for a repository; None where none may ever.

    Raises:
        PolicyError: the policy's file of approvals is not valid.
    """
    if topics.remote_code == "forbid":
        return None
    return frozenset(
        each.digest
        for each in approvals(Path(topics.remote_code.file))
        if any(fnmatchcase(repository, glob) for glob in each.repos)
    )
