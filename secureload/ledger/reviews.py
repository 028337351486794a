"""Reviews: someone asks that a refusal be looked at, someone else decides."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from secureload.ledger import audit, tables
from secureload.ledger.canonical import digest
from secureload.ledger.records import ReviewRecord


def ask(session: Session, verdict_id: str, statement: str, *, by: str, at: str) -> ReviewRecord:
    """Open a review of a verdict; the verdict must be on record."""
    row = tables.Review(
        id=uuid.uuid4().hex,
        verdict_id=verdict_id,
        statement=statement,
        requested_by=by,
        requested_at=at,
        state="open",
    )
    session.add(row)
    detail = {"verdict": verdict_id, "statement": statement, "by": by}
    audit.append(session, at, "review-asked", row.id, detail)
    session.flush()
    return _record(row)


def decide(
    session: Session,
    review_id: str,
    *,
    approve: bool,
    comment: str,
    waiver: str | None,
    by: str,
    at: str,
) -> ReviewRecord | None:
    """Close an open review; None when there is none that is open with this id."""
    row = session.get(tables.Review, review_id)
    if row is None or row.state != "open":
        return None
    row.state = "approved" if approve else "declined"
    row.decided_by, row.decided_at, row.comment, row.waiver = by, at, comment, waiver
    detail = {"verdict": row.verdict_id, "comment": comment, "by": by, "waiver": waiver}
    audit.append(session, at, f"review-{row.state}", row.id, detail)
    session.flush()
    return _record(row)


def get(session: Session, review_id: str) -> ReviewRecord | None:
    """A review, or None."""
    row = session.get(tables.Review, review_id)
    return _record(row) if row is not None else None


def recent(
    session: Session, *, state: str | None = None, limit: int = 100, offset: int = 0
) -> tuple[ReviewRecord, ...]:
    """The newest reviews first."""
    query = select(tables.Review)
    if state is not None:
        query = query.where(tables.Review.state == state)
    query = query.order_by(tables.Review.requested_at.desc(), tables.Review.id)
    query = query.limit(limit).offset(offset)
    return tuple(map(_record, session.execute(query).scalars()))


def waivers(session: Session) -> Iterator[tuple[str, str]]:
    """The review and the text of each waiver that an approval made."""
    query = select(tables.Review.id, tables.Review.waiver).where(
        tables.Review.state == "approved", tables.Review.waiver.is_not(None)
    )
    for row in session.execute(query.order_by(tables.Review.id)):
        yield row.id, row.waiver


def is_logged(session: Session, review_id: str, waiver: str) -> bool:
    """Whether the audit log has the approval that made this very waiver."""
    query = select(tables.Audit).where(
        tables.Audit.event == "review-approved", tables.Audit.subject == review_id
    )
    return any(
        json.loads(row.detail).get("waiver") == waiver and row.digest == digest(row)
        for row in session.execute(query).scalars()
    )


def _record(row: tables.Review) -> ReviewRecord:
    return ReviewRecord(
        id=row.id,
        verdict=row.verdict_id,
        statement=row.statement,
        requested_by=row.requested_by,
        requested_at=row.requested_at,
        state=row.state,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        comment=row.comment,
        waiver=row.waiver,
    )
