"""Whether a commit follows another: read from raw commits, every id recomputed."""

from __future__ import annotations

from pathlib import Path

from secureload.errors import SourceError
from secureload.flow import GitRemote, Lineage
from secureload.signatures.gitobjects import MalformedObjectError, parse_commit
from secureload.signatures.gitstore import AbsentCommitError, GitStore

_AT_ONCE = 2_000
"""Commits read from git at a time; a commit has about one KiB."""


def lineage(
    before: str, after: str, remote: GitRemote | None, workdir: Path, *, offline: bool = False
) -> Lineage:
    """Say how `after` stands to `before`, the commit admitted last under the same name.

    Raises:
        OfflineError, AccessError, ToolError: as for `GitStore.fetch`.
    """
    if before == after:
        return Lineage(relation="same", before=before)
    if remote is None:
        return _unknown(before, "the source has no git history")
    try:
        if before in _ancestors(GitStore(workdir / "after", remote, after), offline):
            return Lineage(relation="descendant", before=before)
    except (SourceError, MalformedObjectError) as error:
        return _unknown(before, str(error))
    try:
        if after in _ancestors(GitStore(workdir / "before", remote, before), offline):
            return Lineage(relation="ancestor", before=before)
    except AbsentCommitError:
        return Lineage(relation="unrelated", before=before, detail="the repository has lost it")
    except (SourceError, MalformedObjectError) as error:
        return _unknown(before, str(error))
    return Lineage(relation="unrelated", before=before)


def _ancestors(store: GitStore, offline: bool) -> set[str]:
    """The store's commit and everything that it descends from.

    git only says which objects there are; who is whose parent is read from their content.
    """
    listed = store.fetch_history(offline=offline)
    parents: dict[str, tuple[str, ...]] = {}
    for start in range(0, len(listed), _AT_ONCE):
        oids = listed[start : start + _AT_ONCE]
        for oid, content in zip(oids, store.read("commit", oids), strict=True):
            parents[oid] = parse_commit(content, store.algorithm).parents
    found: set[str] = set()
    pending = [store.commit]
    while pending:
        oid = pending.pop()
        if oid not in found:
            found.add(oid)
            pending.extend(parents.get(oid, ()))
    return found


def _unknown(before: str, why: str) -> Lineage:
    return Lineage(relation="unknown", before=before, detail=why)
