"""Verdicts as readers want them: the newest on a commit, one with its findings."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from secureload.flow import Verdict
from secureload.learned import learned
from secureload.ledger import tables
from secureload.ledger.records import FindingRecord, VerdictRecord


def get(session: Session, verdict_id: str) -> VerdictRecord | None:
    """A verdict, or None."""
    row = session.get(tables.Verdict, verdict_id)
    return _record(row) if row is not None else None


def newest(
    session: Session, *, kind: str, repository: str, commit: str, policy: str, ruleset: str
) -> VerdictRecord | None:
    """The last verdict on a commit under one policy and ruleset, or None."""
    row = tables.Verdict
    query = (
        select(row)
        .where(
            row.kind == kind,
            row.repository == repository,
            row.commit == commit,
            row.policy_digest == policy,
            row.ruleset == ruleset,
        )
        .order_by(row.decided_at.desc(), row.id)
    )
    found = session.execute(query.limit(1)).scalar()
    return _record(found) if found is not None else None


def recent(
    session: Session,
    *,
    repository: str | None = None,
    decision: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> tuple[VerdictRecord, ...]:
    """The newest verdicts first."""
    row = tables.Verdict
    query = select(row)
    if repository is not None:
        query = query.where(row.repository == repository)
    if decision is not None:
        query = query.where(row.decision == decision)
    query = query.order_by(row.decided_at.desc(), row.id).limit(limit).offset(offset)
    return tuple(map(_record, session.execute(query).scalars()))


def findings(session: Session, verdict_id: str) -> tuple[FindingRecord, ...]:
    """What the scan behind a verdict said of each file, in its order."""
    query = (
        select(tables.Finding)
        .where(tables.Finding.verdict_id == verdict_id)
        .order_by(tables.Finding.position)
    )
    return tuple(
        FindingRecord(
            path=row.path,
            format=row.format,
            status=row.status,
            finding=msgspec.json.decode(row.document) if row.document else None,
        )
        for row in session.execute(query).scalars()
    )


def attestation(session: Session, verdict_id: str) -> dict[str, Any] | None:
    """Who signed, and the chain, as it was recorded beside a verdict."""
    row = session.get(tables.Attestation, verdict_id)
    if row is None:
        return None
    document = msgspec.json.decode(row.document)
    return {"status": row.status, **document}


def _record(row: tables.Verdict) -> VerdictRecord:
    return VerdictRecord(
        id=row.id,
        kind=row.kind,
        repository=row.repository,
        revision=row.revision,
        decided_at=row.decided_at,
        verdict=msgspec.json.decode(row.document, type=learned(Verdict)),
    )
