"""Recalls: what was admitted once and may not be again, and who has it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from secureload.flow import AdmissionKey
from secureload.learned import learned
from secureload.ledger import audit, tables
from secureload.ledger.records import LoadRecord, RecallRecord
from secureload.ledger.store import delete_admission


def standing(session: Session, subjects: Iterable[str]) -> tuple[RecallRecord, ...]:
    """The recalls that hold for any of these subjects, oldest first."""
    wanted = frozenset(subjects)
    query = select(tables.Recall).where(tables.Recall.lifted_at.is_(None))
    rows = session.execute(query.order_by(tables.Recall.recalled_at)).scalars()
    return tuple(_record(row) for row in rows if row.subject in wanted)


def every(session: Session) -> tuple[RecallRecord, ...]:
    """All recalls, lifted ones too, newest first."""
    query = select(tables.Recall).order_by(tables.Recall.recalled_at.desc(), tables.Recall.id)
    return tuple(map(_record, session.execute(query).scalars()))


def add(session: Session, subject: str, reason: str, by: str, at: str) -> tuple[str, ...]:
    """Recall a subject and revoke every admission that it touches; returns their ids."""
    row = tables.Recall(
        id=uuid.uuid4().hex, subject=subject, reason=reason, recalled_by=by, recalled_at=at
    )
    session.add(row)
    revoked = touched(session, subject)
    revoke(session, revoked, reason, at)
    detail = {"recall": row.id, "reason": reason, "by": by, "admissions": sorted(revoked)}
    audit.append(session, at, "recalled", subject, detail)
    return revoked


def lift(session: Session, recall_id: str, by: str, at: str) -> RecallRecord | None:
    """End a recall; None when there is none with this id, or it is lifted already."""
    row = session.get(tables.Recall, recall_id)
    if row is None or row.lifted_at is not None:
        return None
    row.lifted_by, row.lifted_at = by, at
    audit.append(session, at, "recall-lifted", row.subject, {"recall": row.id, "by": by})
    session.flush()
    return _record(row)


def revoke(session: Session, admissions: Iterable[str], reason: str, at: str) -> None:
    """Take admissions back; their verdicts, loads and hub revisions stay."""
    for admission_id in admissions:
        row = session.get(tables.Admission, admission_id)
        if row is not None:
            detail = {
                "record": row.record,
                "reason": reason,
                "loads": [load.id for load in loads(session, [admission_id])],
            }
            audit.append(session, at, "revoked", admission_id, detail)
            delete_admission(session, admission_id)


def touched(session: Session, subject: str) -> tuple[str, ...]:
    """The admissions of a commit, or those with a file of this SHA-256, fetched or made."""
    admission, file = tables.Admission, tables.File
    if subject.startswith("sha256:"):
        digest = subject.removeprefix("sha256:")
        kept = select(tables.AdmissionFile.admission_id).where(
            tables.AdmissionFile.sha256 == digest
        )
        fetched = (
            select(admission.id)
            .join(tables.Verdict, tables.Verdict.id == admission.verdict_id)
            .join(file, file.snapshot_id == tables.Verdict.snapshot_id)
            .where(file.sha256 == digest)
        )
        return tuple(sorted({*session.scalars(kept), *session.scalars(fetched)}))
    kind, _, rest = subject.partition(":")
    repository, _, commit = rest.rpartition("@")
    query = select(admission.id).where(
        admission.kind == kind, admission.repository == repository, admission.commit == commit
    )
    return tuple(sorted(session.scalars(query)))


def turned(session: Session, key: AdmissionKey) -> tuple[str, ...]:
    """The admissions of the same files under the same policy, whatever ruleset saw them."""
    query = select(tables.Admission.id, tables.Admission.key).where(
        tables.Admission.kind == key.kind,
        tables.Admission.repository == key.repository,
        tables.Admission.commit == key.commit,
    )
    found = []
    for row in session.execute(query):
        other = msgspec.json.decode(row.key, type=learned(AdmissionKey))
        if (other.selection, other.policy) == (key.selection, key.policy):
            found.append(row.id)
    return tuple(sorted(found))


def loads(session: Session, admissions: Sequence[str]) -> tuple[LoadRecord, ...]:
    """Every load of these admissions on record, oldest first."""
    query = select(tables.Load).where(tables.Load.admission_id.in_(admissions))
    rows = session.execute(query.order_by(tables.Load.loaded_at, tables.Load.id)).scalars()
    return tuple(map(load_record, rows))


def load_record(row: tables.Load) -> LoadRecord:
    """What a row of the table of loads says."""
    return LoadRecord(
        id=row.id,
        admission=row.admission_id,
        library=row.library,
        class_name=row.class_name,
        device=row.device,
        client=row.client,
        loaded_at=row.loaded_at,
    )


def _record(row: tables.Recall) -> RecallRecord:
    return RecallRecord(
        id=row.id,
        subject=row.subject,
        reason=row.reason,
        recalled_by=row.recalled_by,
        recalled_at=row.recalled_at,
        lifted_by=row.lifted_by,
        lifted_at=row.lifted_at,
    )
