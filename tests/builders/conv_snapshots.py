"""Snapshots of folders on disk, and the approval that a policy would give for them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from secureload import flow
from secureload.flow import Approval, Decision, Listing, PolicyId, Snapshot, StoredFile, Verdict


def snapshot_of(root: Path) -> Snapshot:
    """Describe every file below `root` with the digests it has now."""
    files = []
    for path in sorted(root.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            files.append(
                StoredFile(
                    path=path.relative_to(root).as_posix(),
                    size=len(data),
                    sha256=hashlib.sha256(data).hexdigest(),
                    git_oid=hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest(),
                )
            )
    source = flow.Source(kind="local", location=str(root))
    listing = Listing(source=source, commit="local-test", claims=())
    return Snapshot(listing=listing, root=root, files=tuple(files))


def approval_of(snapshot: Snapshot) -> Approval:
    """Approve a snapshot, as `policy.decide` does for a clean one."""
    verdict = Verdict(
        decision=Decision.ALLOW,
        subject=str(snapshot.listing.source),
        commit=snapshot.listing.commit,
        policy=PolicyId(name="test", digest="sha256:00"),
        ruleset="test",
    )
    return Approval(verdict, snapshot.digest, seal=flow._SEAL)
