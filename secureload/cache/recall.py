"""What a recall is about, and what it brought back."""

from __future__ import annotations

import re
from dataclasses import dataclass

from secureload.errors import UsageError
from secureload.flow import CacheEntry, Source
from secureload.ledger.records import LoadRecord

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_COMMIT = re.compile(r"(?:local-)?[0-9a-f]{64}|[0-9a-f]{40}")
_ADMISSION = re.compile(r"[0-9a-f]{6,64}")
_WAYS = "give an admission's id, org/name@<40 hex digits>, or sha256:<64 hex digits>"


@dataclass(frozen=True, kw_only=True, slots=True)
class Recalled:
    """The outcome of a recall: admissions revoked, and every load of them on record."""

    subject: str
    admissions: tuple[str, ...]
    loads: tuple[LoadRecord, ...]


def subject(text: str) -> str | None:
    """Read what is to be recalled; None for an admission's id, which the ledger resolves.

    Raises:
        UsageError: the text names neither an admission nor a commit nor a file's digest.
    """
    if _DIGEST.fullmatch(text):
        return text
    if _ADMISSION.fullmatch(text):
        return None
    name, _, commit = text.rpartition("@")
    if not name or not name.isprintable() or not _COMMIT.fullmatch(commit):
        raise UsageError(f"`{text}` cannot be recalled", hint=_WAYS)
    if name.startswith("git+"):
        return of_commit(Source(kind="git", location=name.removeprefix("git+")), commit)
    if commit.startswith("local-"):
        return of_commit(Source(kind="local", location=name), commit)
    location = name.removeprefix("hub:").removeprefix("hf://")
    return of_commit(Source(kind="hub", location=location), commit)


def of_commit(source: Source, commit: str) -> str:
    """The subject of a recall of one commit."""
    return f"{source.kind}:{source.repository}@{commit}"


def of_entry(entry: CacheEntry) -> str:
    """The subject of a recall of an admission: its commit, under every policy."""
    return of_commit(entry.source, entry.commit)
