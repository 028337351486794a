"""Pages of rows for a person who leafs through, and what a verdict is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from secureload.ledger import recalls, reviews, tables, verdicts
from secureload.ledger.records import LoadRecord, RecallRecord, ReviewRecord, VerdictRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class AdmissionLine:
    """One line of a list of admissions."""

    id: str
    kind: str
    repository: str
    revision: str | None
    commit: str
    verdict: str
    admitted_at: str


def admissions(
    session: Session, *, repository: str | None = None, limit: int, offset: int = 0
) -> tuple[AdmissionLine, ...]:
    """What is admitted, newest first."""
    row = tables.Admission
    query = select(row)
    if repository is not None:
        query = query.where(row.repository == repository)
    query = query.order_by(row.audit_sequence.desc()).limit(limit).offset(offset)
    return tuple(map(_line, session.execute(query).scalars()))


def lines(session: Session, ids: Sequence[str]) -> tuple[AdmissionLine, ...]:
    """The admissions with these ids, newest first."""
    row = tables.Admission
    query = select(row).where(row.id.in_(ids)).order_by(row.audit_sequence.desc())
    return tuple(map(_line, session.execute(query).scalars()))


def standing(session: Session, about: VerdictRecord) -> AdmissionLine | None:
    """The newest admission of the commit that a verdict is about."""
    row = tables.Admission
    query = select(row).where(
        row.kind == about.kind,
        row.repository == about.repository,
        row.commit == about.verdict.commit,
    )
    found = session.execute(query.order_by(row.audit_sequence.desc()).limit(1)).scalar()
    return _line(found) if found is not None else None


def before(session: Session, about: VerdictRecord) -> AdmissionLine | None:
    """The last admission of another commit of the repository, as of when a verdict was given."""
    row = tables.Admission
    query = select(row).where(
        row.kind == about.kind,
        row.repository == about.repository,
        row.commit != about.verdict.commit,
        row.admitted_at < about.decided_at,
    )
    found = session.execute(query.order_by(row.audit_sequence.desc()).limit(1)).scalar()
    return _line(found) if found is not None else None


def awaiting(session: Session, *, limit: int, offset: int = 0) -> tuple[VerdictRecord, ...]:
    """Refusals that stand and that nobody has asked to have looked at, newest first."""
    row, later = tables.Verdict, aliased(tables.Verdict)
    superseded = exists().where(
        later.kind == row.kind,
        later.repository == row.repository,
        later.commit == row.commit,
        later.decided_at > row.decided_at,
    )
    asked = exists().where(tables.Review.verdict_id == row.id)
    query = (
        select(row.id)
        .where(row.decision != "allow", ~superseded, ~asked)
        .order_by(row.decided_at.desc(), row.id)
        .limit(limit)
        .offset(offset)
    )
    found = (verdicts.get(session, one) for one in session.execute(query).scalars())
    return tuple(record for record in found if record is not None)


def newest_verdict(session: Session, repository: str, commit: str) -> VerdictRecord | None:
    """The last verdict on a commit of a repository of the hub, under whatever policy."""
    row = tables.Verdict
    query = select(row.id).where(
        row.kind == "hub", row.repository == repository, row.commit == commit
    )
    found = session.execute(query.order_by(row.decided_at.desc(), row.id).limit(1)).scalar()
    return verdicts.get(session, found) if found is not None else None


def reviews_of(session: Session, verdict_id: str) -> tuple[ReviewRecord, ...]:
    """The reviews of a verdict, newest first."""
    row = tables.Review
    query = select(row.id).where(row.verdict_id == verdict_id).order_by(row.requested_at.desc())
    found = (reviews.get(session, one) for one in session.execute(query).scalars())
    return tuple(record for record in found if record is not None)


def files(session: Session, verdict_id: str) -> dict[str, tuple[int, str]]:
    """Size and SHA-256 of each file that a verdict is about, by path; none were bytes missing."""
    verdict, file = tables.Verdict, tables.File
    query = (
        select(file.path, file.size, file.sha256)
        .join(verdict, verdict.snapshot_id == file.snapshot_id)
        .where(verdict.id == verdict_id)
        .order_by(file.path)
    )
    return {row.path: (row.size, row.sha256) for row in session.execute(query)}


def touched(session: Session, recall: RecallRecord) -> tuple[LoadRecord, ...]:
    """Every load on record of what a recall revoked, oldest first."""
    row = tables.Audit
    query = select(row.detail).where(row.event == "recalled", row.subject == recall.subject)
    for text in session.execute(query).scalars():
        detail = msgspec.json.decode(text)
        if detail.get("recall") == recall.id:
            return recalls.loads(session, detail.get("admissions", []))
    return ()


def _line(row: tables.Admission) -> AdmissionLine:
    return AdmissionLine(
        id=row.id,
        kind=row.kind,
        repository=row.repository,
        revision=row.revision,
        commit=row.commit,
        verdict=row.verdict_id,
        admitted_at=row.admitted_at,
    )
