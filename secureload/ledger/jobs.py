"""Jobs of the service, so that any front end can tell how one stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from secureload.ledger import tables
from secureload.ledger.records import JobRecord

UNFINISHED = ("queued", "running")


def add(session: Session, job: JobRecord) -> None:
    """Write a new job."""
    session.add(
        tables.Job(
            id=job.id,
            kind=job.kind,
            repository=job.repository,
            revision=job.revision,
            commit=job.commit,
            policy=job.policy,
            requested_by=job.requested_by,
            state=job.state,
            document=msgspec.json.encode(job.outcome).decode("utf-8"),
            created_at=job.created_at,
        )
    )


def start(session: Session, job_id: str, at: str) -> None:
    """Note that a worker has begun."""
    row = session.get(tables.Job, job_id)
    if row is not None:
        row.state, row.started_at = "running", at


def finish(
    session: Session, job_id: str, state: str, outcome: Mapping[str, Any], at: str, *, commit: str
) -> None:
    """Note how a job ended; one that has ended keeps its first end."""
    row = session.get(tables.Job, job_id)
    if row is not None and row.state in UNFINISHED:
        row.state, row.finished_at = state, at
        row.commit = commit or row.commit
        row.document = msgspec.json.encode(outcome).decode("utf-8")


def abandon(session: Session, at: str, why: str) -> None:
    """Fail every unfinished job: the process that had them is gone."""
    outcome = {"message": why, "hint": "ask again"}
    session.execute(
        update(tables.Job)
        .where(tables.Job.state.in_(UNFINISHED))
        .values(
            state="failed", finished_at=at, document=msgspec.json.encode(outcome).decode("utf-8")
        )
    )


def get(session: Session, job_id: str) -> JobRecord | None:
    """A job, or None."""
    row = session.get(tables.Job, job_id)
    return _record(row) if row is not None else None


def finished(session: Session, ids: Sequence[str]) -> tuple[JobRecord, ...]:
    """Those of these jobs that have ended."""
    row = tables.Job
    query = select(row).where(row.id.in_(ids), row.state.not_in(UNFINISHED))
    return tuple(map(_record, session.execute(query).scalars()))


def recent(
    session: Session,
    *,
    state: str | None = None,
    repository: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> tuple[JobRecord, ...]:
    """The newest jobs first."""
    query = select(tables.Job)
    if state is not None:
        query = query.where(tables.Job.state == state)
    if repository is not None:
        query = query.where(tables.Job.repository == repository)
    query = query.order_by(tables.Job.created_at.desc(), tables.Job.id)
    query = query.limit(limit).offset(offset)
    return tuple(map(_record, session.execute(query).scalars()))


def _record(row: tables.Job) -> JobRecord:
    return JobRecord(
        id=row.id,
        kind=row.kind,
        repository=row.repository,
        revision=row.revision,
        commit=row.commit,
        policy=row.policy,
        requested_by=row.requested_by,
        state=row.state,
        outcome=msgspec.json.decode(row.document),
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
