"""What is worth remembering between runs: where names led, when things were first met."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from secureload.flow import Listing, Source
from secureload.ledger.plain import Rows
from secureload.ledger.records import Stamp


def remember(rows: Rows, listing: Listing, at: str) -> None:
    """Record that a source's revision led to a commit."""
    source = listing.source
    last = rows("SELECT max(turn) AS turn FROM sightings")[0].turn
    rows(
        'INSERT INTO sightings (kind, repository, revision, "commit", first_seen, last_seen, turn)'
        " VALUES (:kind, :repository, :revision, :commit, :at, :at, :turn)"
        ' ON CONFLICT (kind, repository, revision, "commit")'
        " DO UPDATE SET last_seen = excluded.last_seen, turn = excluded.turn",
        **_of(source),
        commit=listing.commit,
        at=at,
        turn=(last or 0) + 1,
    )
    first_seen(rows, "commit", _subject(source, listing.commit), at)


def latest(rows: Rows, source: Source) -> str | None:
    """The commit that this revision last led to, among those admitted."""
    found = rows(
        'SELECT "commit" FROM sightings WHERE kind = :kind AND repository = :repository'
        ' AND revision = :revision AND "commit" IN (SELECT "commit" FROM admissions'
        " WHERE kind = :kind AND repository = :repository) ORDER BY turn DESC LIMIT 1",
        **_of(source),
    )
    return str(found[0].commit) if found else None


def head(rows: Rows, source: Source) -> str | None:
    """The commit that this revision came to last, of those admitted under its name.

    One that it came to twice keeps its first place, so going back does not make it the last.
    """
    return _met(rows, _led(source), "DESC")


def admitted(rows: Rows, listing: Listing, at: str) -> None:
    """Record that a revision led to a commit which was admitted."""
    first_seen(rows, _led(listing.source), listing.commit, at)


def first_id(rows: Rows, scope: str, identity: str, at: str) -> str:
    """The first id that this ledger met for a repository or account; this one, if none.

    An empty `identity` asks without recording any.
    """
    kind = f"id:{scope}"
    known = _met(rows, kind, "ASC")
    if known is None and identity:
        first_seen(rows, kind, identity, at)
    return known or identity


def commits(rows: Rows, source: Source) -> tuple[str, ...]:
    """Every commit of this repository that is admitted, oldest admission first."""
    found = rows(
        'SELECT "commit" FROM admissions WHERE kind = :kind AND repository = :repository'
        " ORDER BY audit_sequence",
        kind=source.kind,
        repository=source.repository,
    )
    return tuple(dict.fromkeys(row.commit for row in found))


def first_seen(rows: Rows, kind: str, subject: str, at: str) -> datetime:
    """When `subject` was first met; now, if it never was."""
    rows(
        "INSERT INTO first_seen (kind, subject, seen_at) VALUES (:kind, :subject, :at)"
        " ON CONFLICT (kind, subject) DO NOTHING",
        kind=kind,
        subject=subject,
        at=at,
    )
    found = rows(
        "SELECT seen_at FROM first_seen WHERE kind = :kind AND subject = :subject",
        kind=kind,
        subject=subject,
    )
    return datetime.fromisoformat(found[0].seen_at)


def known_digest(rows: Rows, path: Path, stamp: Stamp) -> str | None:
    """The recorded SHA-256 of a file outside the cache, if nothing about it has changed."""
    found = rows(
        "SELECT sha256 FROM local_digests WHERE device = :device AND inode = :inode"
        " AND path = :path AND size = :size AND mtime_ns = :mtime_ns AND ctime_ns = :ctime_ns",
        path=str(path),
        **_looks(stamp),
    )
    return str(found[0].sha256) if found else None


def remember_digest(rows: Rows, path: Path, stamp: Stamp, sha256: str) -> None:
    """Record the SHA-256 of a file outside the cache."""
    rows(
        "INSERT INTO local_digests (device, inode, path, size, mtime_ns, ctime_ns, sha256)"
        " VALUES (:device, :inode, :path, :size, :mtime_ns, :ctime_ns, :sha256)"
        " ON CONFLICT (device, inode, path) DO UPDATE SET size = excluded.size,"
        " mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns, sha256 = excluded.sha256",
        path=str(path),
        sha256=sha256,
        **_looks(stamp),
    )


def _met(rows: Rows, kind: str, order: str) -> str | None:
    """The subject of a kind that was met first (`ASC`) or last (`DESC`)."""
    found = rows(
        f"SELECT subject FROM first_seen WHERE kind = :kind ORDER BY seen_at {order} LIMIT 1",
        kind=kind,
    )
    return str(found[0].subject) if found else None


def _of(source: Source) -> dict[str, str]:
    return {
        "kind": source.kind,
        "repository": source.repository,
        "revision": source.revision or "",
    }


def _led(source: Source) -> str:
    return f"admitted:{source.kind}:{source.repository}#{source.revision or ''}"


def _subject(source: Source, commit: str) -> str:
    return f"{source.kind}:{source.repository}@{commit}"


def _looks(stamp: Stamp) -> dict[str, int]:
    return {
        "device": stamp.device,
        "inode": stamp.inode,
        "size": stamp.size,
        "mtime_ns": stamp.mtime_ns,
        "ctime_ns": stamp.ctime_ns,
    }
