"""Tokens of the service: only digests are kept, so the ledger gives none away."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from secureload.ledger import audit, tables
from secureload.ledger.records import TokenRecord

PREFIX = "slt_"
"""What every token begins with, so that one is told from a hub's and found in leaks."""

_BYTES = 32
"""Random bytes of a token: as many as its digest has, so that no salt is needed."""


def create(
    session: Session, name: str, roles: Iterable[str], *, by: str, at: str, expires: str | None
) -> tuple[TokenRecord, str]:
    """Make a token; the text is shown once and not kept."""
    text = PREFIX + secrets.token_urlsafe(_BYTES)
    row = tables.Token(
        id=uuid.uuid4().hex[:12],
        name=name,
        digest=digest(text),
        roles=" ".join(sorted(roles)),
        created_by=by,
        created_at=at,
        expires_at=expires,
    )
    session.add(row)
    detail = {"name": name, "roles": row.roles, "by": by, "expires": expires}
    audit.append(session, at, "token-created", row.id, detail)
    session.flush()
    return _record(row), text


def revoke(session: Session, token_id: str, *, by: str, at: str) -> TokenRecord | None:
    """End a token; None when there is none with this id, or it is revoked already."""
    row = session.get(tables.Token, token_id)
    if row is None or row.revoked_at is not None:
        return None
    row.revoked_at = at
    audit.append(session, at, "token-revoked", row.id, {"name": row.name, "by": by})
    session.flush()
    return _record(row)


def find(session: Session, text: str, at: str) -> TokenRecord | None:
    """The token with this text, unless it is revoked or has expired by `at`."""
    row = session.execute(select(tables.Token).where(tables.Token.digest == digest(text))).scalar()
    if row is None or row.revoked_at is not None:
        return None
    if row.expires_at is not None and row.expires_at <= at:
        return None
    return _record(row)


def standing(session: Session, token_id: str, at: str) -> TokenRecord | None:
    """The token with this id, unless it is revoked or has expired by `at`."""
    row = session.get(tables.Token, token_id)
    if row is None or row.revoked_at is not None:
        return None
    if row.expires_at is not None and row.expires_at <= at:
        return None
    return _record(row)


def every(session: Session) -> tuple[TokenRecord, ...]:
    """All tokens, revoked ones too, oldest first."""
    query = select(tables.Token).order_by(tables.Token.created_at, tables.Token.id)
    return tuple(map(_record, session.execute(query).scalars()))


def digest(text: str) -> str:
    """What the ledger keeps of a token."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _record(row: tables.Token) -> TokenRecord:
    return TokenRecord(
        id=row.id,
        name=row.name,
        roles=tuple(row.roles.split()),
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
