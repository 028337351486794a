"""What the ledger says in numbers: jobs that wait, and what was decided since some moment."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from secureload.ledger import tables
from secureload.ledger.jobs import UNFINISHED


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """A job that has ended; `document` is its outcome in JSON, times are ISO 8601 in UTC."""

    id: str
    kind: str
    state: str
    document: str
    created_at: str
    started_at: str | None
    finished_at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A verdict; `document` is it in JSON, `signature` a `flow.SignatureStatus`, if any."""

    id: str
    decision: str
    document: str
    signature: str | None


def waiting(session: Session) -> dict[str, tuple[int, str]]:
    """Unfinished jobs by state: how many, and when the oldest was asked for."""
    job = tables.Job
    query = select(job.state, func.count(), func.min(job.created_at))
    rows = session.execute(query.where(job.state.in_(UNFINISHED)).group_by(job.state))
    return {state: (count, oldest) for state, count, oldest in rows}


def ended(session: Session, since: str, *, limit: int) -> list[Ended]:
    """Jobs that ended at `since` or later, first the earliest."""
    job = tables.Job
    query = select(job).where(job.finished_at >= since).order_by(job.finished_at, job.id)
    return [
        Ended(
            id=row.id,
            kind=row.kind,
            state=row.state,
            document=row.document,
            created_at=row.created_at,
            started_at=row.started_at,
            finished_at=row.finished_at or row.created_at,
        )
        for row in session.execute(query.limit(limit)).scalars()
    ]


def judged(session: Session, since: str, *, limit: int) -> list[tuple[str, Judged]]:
    """Verdicts given at `since` or later, each with its moment, first the earliest."""
    row, signed = tables.Verdict, tables.Attestation
    query = (
        select(row.decided_at, row.id, row.decision, row.document, signed.status)
        .outerjoin(signed, signed.verdict_id == row.id)
        .where(row.decided_at >= since)
        .order_by(row.decided_at, row.id)
        .limit(limit)
    )
    return [
        (at, Judged(id=id_, decision=decision, document=document, signature=status))
        for at, id_, decision, document, status in session.execute(query)
    ]
