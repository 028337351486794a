"""Questions that only the service asks of the ledger."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from secureload.ledger import tables
from secureload.ledger.recalls import load_record
from secureload.ledger.records import LoadRecord


def loads(
    session: Session, *, repository: str | None = None, limit: int = 100, offset: int = 0
) -> tuple[LoadRecord, ...]:
    """The newest loads first; of one repository, those of admissions known under its name."""
    load = tables.Load
    query = select(load)
    if repository is not None:
        revision, admission = tables.HubRevision, tables.Admission
        published = select(revision.admission_id).where(revision.repository == repository)
        standing = select(admission.id).where(admission.repository == repository)
        query = query.where(load.admission_id.in_(published.union(standing)))
    query = query.order_by(load.loaded_at.desc(), load.id).limit(limit).offset(offset)
    rows = session.execute(query).scalars()
    return tuple(map(load_record, rows))


def audit_rows(session: Session, *, since: int, limit: int) -> list[dict[str, Any]]:
    """Rows of the audit log after a sequence number, oldest first."""
    row = tables.Audit
    query = select(row).where(row.sequence > since).order_by(row.sequence).limit(limit)
    return [
        {
            "sequence": found.sequence,
            "at": found.at,
            "event": found.event,
            "subject": found.subject,
            "detail": msgspec.json.decode(found.detail),
            "previous": found.previous,
            "digest": found.digest,
        }
        for found in session.execute(query).scalars()
    ]
