"""The chain: commit → trees → blob ids → plain bytes, or the LFS pointer rebuilt from them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from secureload.flow import FileClaim, Link, StoredFile
from secureload.signatures.gitobjects import (
    Commit,
    MalformedObjectError,
    algorithm_of,
    object_id,
    parse_commit,
    parse_tree,
)
from secureload.signatures.gitstore import GitStore

FILES = 100_000
"""Most files of one commit; the Hub's own advice to publishers is the same figure."""

DEPTH = 100
"""Deepest folder; no model nests its files deeper than five."""

TREES = 20_000
"""Most folders of one commit."""


@dataclass(kw_only=True, slots=True)
class Walked:
    """What raw objects say of one commit: its links so far, its blobs, what is wrong."""

    commit: Commit | None = None
    blobs: dict[str, str] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def walk(store: GitStore, commit: str) -> Walked:
    """Read a commit and all its trees from a store, recomputing every id.

    What is wrong is listed rather than raised, so that the whole picture can be shown.
    """
    walked = Walked()
    try:
        (content,) = store.read("commit", [commit])
        store.check_collisions("commit", [(commit, content)])
        walked.links.append(Link(kind="commit", subject=commit, digest=commit, ok=True))
        walked.commit = parse_commit(content, store.algorithm)
        _walk_trees(store, walked.commit.tree, walked)
    except MalformedObjectError as error:
        walked.problems.append(str(error))
        walked.links.append(
            Link(kind="commit", subject=commit, digest="", ok=False, detail=str(error))
        )
    return walked


def _walk_trees(store: GitStore, root: str, walked: Walked) -> None:
    """Level by level, so that git is asked once a level and not once a folder."""
    level = [("", root)]
    counted = 0
    trees: dict[str, bytes] = {}
    for _ in range(DEPTH):
        if not level:
            store.check_collisions("tree", trees.items())
            return
        counted += len(level)
        if counted > TREES:
            raise MalformedObjectError(f"the commit holds more than {TREES} folders")
        oids = sorted({oid for _, oid in level})
        contents = dict(zip(oids, store.read("tree", oids), strict=True))
        trees |= contents
        below: list[tuple[str, str]] = []
        for prefix, oid in level:
            entries, problems = parse_tree(contents[oid], store.algorithm)
            place = prefix or "/"
            found = [f"{place}: {problem}" for problem in problems]
            walked.problems += found
            walked.links.append(
                Link(kind="tree", subject=place, digest=oid, ok=not found, detail="; ".join(found))
            )
            for entry in entries:
                path = f"{prefix}{entry.name}"
                if entry.is_tree:
                    below.append((f"{path}/", entry.oid))
                else:
                    walked.blobs[path] = entry.oid
        if len(walked.blobs) > FILES:
            raise MalformedObjectError(f"the commit holds more than {FILES} files")
        level = below
    raise MalformedObjectError(f"the commit's folders nest deeper than {DEPTH}")


def lfs_pointer_id(sha256: str, size: int, algorithm: str = "sha1") -> str:
    """The blob id of the canonical LFS pointer for bytes of this digest and size.

    The form is the one of git-lfs's specification, version 1: three lines in this order.
    """
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
    return object_id("blob", pointer.encode("ascii"), algorithm)


def compare_claims(claims: tuple[FileClaim, ...], blobs: Mapping[str, str]) -> list[str]:
    """What a source lists otherwise than the verified tree does, one sentence each."""
    problems = []
    listed = {claim.path for claim in claims}
    problems += [f"{path!r} is listed, and is not in the commit" for path in listed - set(blobs)]
    problems += [f"{path!r} is in the commit, and is not listed" for path in set(blobs) - listed]
    for claim in claims:
        blob = blobs.get(claim.path)
        if blob is None:
            continue
        if claim.git_oid is not None and claim.git_oid != blob:
            problems.append(f"{claim.path!r} is listed as blob {claim.git_oid}, not {blob}")
        elif claim.sha256 is not None and blob != lfs_pointer_id(
            claim.sha256, claim.size, algorithm_of(blob)
        ):
            problems.append(
                f"{claim.path!r} is listed with SHA-256 {claim.sha256} and {claim.size} "
                f"bytes, whose LFS pointer is not blob {blob}"
            )
    return sorted(problems)


def file_links(file: StoredFile, blob: str | None) -> tuple[Link, ...]:
    """The links from a blob id of the tree to the bytes of one quarantined file."""
    if blob is None:
        detail = "not in the signed commit"
        return (Link(kind="blob", subject=file.path, digest="", ok=False, detail=detail),)
    bytes_link = Link(kind="bytes", subject=file.path, digest=f"sha256:{file.sha256}", ok=True)
    if file.git_oid == blob:
        return (Link(kind="blob", subject=file.path, digest=blob, ok=True), bytes_link)
    pointer = lfs_pointer_id(file.sha256, file.size, algorithm_of(blob))
    if pointer == blob:
        return (Link(kind="lfs-pointer", subject=file.path, digest=pointer, ok=True), bytes_link)
    detail = f"the commit has blob {blob}; the bytes are neither that nor behind its LFS pointer"
    return (Link(kind="blob", subject=file.path, digest=file.git_oid, ok=False, detail=detail),)


def payload_digest(payload: bytes) -> str:
    """How the chain names what a signature is over."""
    return f"sha256:{hashlib.sha256(payload).hexdigest()}"
