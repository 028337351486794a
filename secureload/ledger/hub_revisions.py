"""Admissions under the revision ids that the service's clients know them by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from secureload.errors import IntegrityError
from secureload.flow import HUB_PREFIXES, RepoType
from secureload.ledger import audit, tables
from secureload.ledger.records import HubRevisionRecord


def publish(
    session: Session,
    *,
    repository: str,
    revision_id: str,
    commit: str,
    artifact: str,
    admission_id: str,
    document: Mapping[str, Any],
    at: str,
) -> None:
    """Give an admission its revision id; what an id stands for never changes.

    Raises:
        IntegrityError: the id stands for other files already.
    """
    said = msgspec.json.encode(document).decode("utf-8")
    row = session.get(tables.HubRevision, (repository, revision_id))
    if row is None:
        row = tables.HubRevision(
            repository=repository,
            id=revision_id,
            commit=commit,
            artifact=artifact,
            admission_id=admission_id,
            document=said,
            published_at=at,
        )
        session.add(row)
        detail = {"revision": revision_id, "commit": commit, "artifact": artifact}
        audit.append(session, at, "published", repository, detail)
    elif (row.commit, row.artifact) != (commit, artifact):
        raise IntegrityError(
            f"revision {revision_id} of {repository} stands for other files already",
            hint="nothing was published; `secureload cache verify` looks for damage",
        )
    row.admission_id, row.document = admission_id, said
    session.flush()


def by_id(session: Session, repository: str, revision_id: str) -> HubRevisionRecord | None:
    """The revision with this id, or None; its admission may be gone."""
    row = session.get(tables.HubRevision, (repository, revision_id))
    return _record(row) if row is not None else None


def by_admission(session: Session, admission_id: str) -> HubRevisionRecord | None:
    """The revision under which an admission is served, or None when it never was."""
    query = (
        select(tables.HubRevision)
        .where(tables.HubRevision.admission_id == admission_id)
        .order_by(tables.HubRevision.published_at.desc())
    )
    row = session.execute(query.limit(1)).scalar()
    return _record(row) if row is not None else None


def of_repository(session: Session, repository: str) -> tuple[HubRevisionRecord, ...]:
    """Every revision of a repository, newest first."""
    query = (
        select(tables.HubRevision)
        .where(tables.HubRevision.repository == repository)
        .order_by(tables.HubRevision.published_at.desc(), tables.HubRevision.id)
    )
    return tuple(map(_record, session.execute(query).scalars()))


def repositories(
    session: Session, *, like: str = "", limit: int = 1_000, repo_type: RepoType = "model"
) -> tuple[str, ...]:
    """Names of repositories of a type that have revisions, in order, those that contain `like`."""
    column = tables.HubRevision.repository
    prefix = HUB_PREFIXES[repo_type]
    bare = func.substr(column, len(prefix) + 1)
    query = select(column).distinct().where(bare.icontains(like, autoescape=True))
    if prefix:
        query = query.where(column.startswith(prefix, autoescape=True))
    for other in HUB_PREFIXES.values() if not prefix else ():
        if other:
            query = query.where(column.not_like(f"{other}%"))
    return tuple(session.execute(query.order_by(column).limit(limit)).scalars())


def branches(session: Session, repository: str) -> tuple[tuple[str, str], ...]:
    """Each branch or tag met and the admitted commit that it last led to."""
    sighting, admission = tables.Sighting, tables.Admission
    admitted = select(admission.commit).where(
        admission.kind == "hub", admission.repository == repository
    )
    query = (
        select(sighting.revision, sighting.commit)
        .where(sighting.kind == "hub", sighting.repository == repository)
        .where(sighting.commit.in_(admitted))
        .order_by(sighting.turn)
    )
    last = {row.revision: row.commit for row in session.execute(query)}
    return tuple(last.items())


def _record(row: tables.HubRevision) -> HubRevisionRecord:
    return HubRevisionRecord(
        repository=row.repository,
        id=row.id,
        commit=row.commit,
        artifact=row.artifact,
        admission=row.admission_id,
        document=msgspec.json.decode(row.document),
        published_at=row.published_at,
    )
