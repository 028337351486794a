"""What is worth remembering between runs: where names led, when things were first met."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from secureload.flow import Listing, Source
from secureload.ledger.records import Stamp
from secureload.ledger.tables import Admission, FirstSeen, LocalDigest, Sighting


def remember(session: Session, listing: Listing, at: str) -> None:
    """Record that a source's revision led to a commit."""
    source = listing.source
    revision = source.revision or ""
    turn = (session.execute(select(func.max(Sighting.turn))).scalar() or 0) + 1
    row = session.get(Sighting, (source.kind, source.repository, revision, listing.commit))
    if row is None:
        row = Sighting(
            kind=source.kind,
            repository=source.repository,
            revision=revision,
            commit=listing.commit,
            first_seen=at,
        )
        session.add(row)
    row.last_seen = at
    row.turn = turn
    first_seen(session, "commit", _subject(source, listing.commit), at)


def latest(session: Session, source: Source) -> str | None:
    """The commit that this revision last led to, among those admitted."""
    admitted = select(Admission.commit).where(
        Admission.kind == source.kind, Admission.repository == source.repository
    )
    query = (
        select(Sighting.commit)
        .where(
            Sighting.kind == source.kind,
            Sighting.repository == source.repository,
            Sighting.revision == (source.revision or ""),
            Sighting.commit.in_(admitted),
        )
        .order_by(Sighting.turn.desc())
    )
    return session.execute(query.limit(1)).scalar()


def head(session: Session, source: Source) -> str | None:
    """The commit that this revision came to last, of those admitted under its name.

    One that it came to twice keeps its first place, so going back does not make it the last.
    """
    query = select(FirstSeen.subject).where(FirstSeen.kind == _led(source))
    return session.execute(query.order_by(FirstSeen.seen_at.desc()).limit(1)).scalar()


def admitted(session: Session, listing: Listing, at: str) -> None:
    """Record that a revision led to a commit which was admitted."""
    first_seen(session, _led(listing.source), listing.commit, at)


def _led(source: Source) -> str:
    return f"admitted:{source.kind}:{source.repository}#{source.revision or ''}"


def first_id(session: Session, scope: str, identity: str, at: str) -> str:
    """The first id that this ledger met for a repository or account; this one, if none.

    An empty `identity` asks without recording any.
    """
    kind = f"id:{scope}"
    query = select(FirstSeen.subject).where(FirstSeen.kind == kind).order_by(FirstSeen.seen_at)
    known = session.execute(query.limit(1)).scalar()
    if known is None and identity:
        first_seen(session, kind, identity, at)
    return known or identity


def _subject(source: Source, commit: str) -> str:
    return f"{source.kind}:{source.repository}@{commit}"


def commits(session: Session, source: Source) -> tuple[str, ...]:
    """Every commit of this repository that is admitted, oldest admission first."""
    query = (
        select(Admission.commit)
        .where(Admission.kind == source.kind, Admission.repository == source.repository)
        .order_by(Admission.audit_sequence)
    )
    return tuple(dict.fromkeys(session.execute(query).scalars()))


def first_seen(session: Session, kind: str, subject: str, at: str) -> datetime:
    """When `subject` was first met; now, if it never was."""
    row = session.get(FirstSeen, (kind, subject))
    if row is None:
        row = FirstSeen(kind=kind, subject=subject, seen_at=at)
        session.add(row)
    return datetime.fromisoformat(row.seen_at)


def known_digest(session: Session, path: Path, stamp: Stamp) -> str | None:
    """The recorded SHA-256 of a file outside the cache, if nothing about it has changed."""
    row = session.get(LocalDigest, (stamp.device, stamp.inode, str(path)))
    now = (stamp.size, stamp.mtime_ns, stamp.ctime_ns)
    if row is None or (row.size, row.mtime_ns, row.ctime_ns) != now:
        return None
    return row.sha256


def remember_digest(session: Session, path: Path, stamp: Stamp, sha256: str) -> None:
    """Record the SHA-256 of a file outside the cache."""
    session.merge(
        LocalDigest(
            device=stamp.device,
            inode=stamp.inode,
            path=str(path),
            size=stamp.size,
            mtime_ns=stamp.mtime_ns,
            ctime_ns=stamp.ctime_ns,
            sha256=sha256,
        )
    )
