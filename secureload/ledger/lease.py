"""The queue's own rows, as the ledger's transactions read them: who may still publish.

A worker's lease on a job is (job, attempt, worker): it holds while the queue says that this
worker does this job for this time. Whoever was away for too long finds it gone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from secureload.errors import CacheError

Lease = tuple[int, int, int]
"""The queue's number of a job, how often it was tried before, the number of the worker."""

_DOING = (
    "SELECT 1 FROM procrastinate_jobs "
    "WHERE id = :job AND attempts = :attempt AND worker_id = :worker AND status = 'doing'"
)
_HELD = text(f"{_DOING} FOR SHARE")
_SAME = text(
    "SELECT args FROM procrastinate_jobs "
    "WHERE lock = :key AND status IN ('todo', 'doing') ORDER BY id LIMIT 1"
)
_WAITING = text("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")
_UNFINISHED = text(
    "SELECT args, status FROM procrastinate_jobs WHERE status IN ('todo', 'doing') "
    "ORDER BY status = 'todo', priority DESC, id LIMIT :limit"
)
_THERE = text("SELECT to_regclass('procrastinate_jobs') IS NOT NULL")


def is_held(session: Session, lease: Lease) -> bool:
    """Whether a lease holds; nobody ends it before this transaction does."""
    return session.execute(_HELD, _values(lease)).scalar() is not None


def is_doing(session: Session, lease: Lease) -> bool:
    """Whether a lease holds at this moment."""
    return session.execute(text(_DOING), _values(lease)).scalar() is not None


def demand(session: Session, lease: Lease) -> None:
    """The fence: let a transaction go on only while the lease holds.

    Raises:
        CacheError: another worker has the job now, or may have it at any moment.
    """
    if not is_held(session, lease):
        raise CacheError(
            "this worker was away for too long, and its job was given to another",
            hint="nothing was published; the other one goes on",
        )


def same(session: Session, key: str) -> dict[str, Any] | None:
    """What the unfinished job with this key was asked for, or None."""
    found = session.execute(_SAME, {"key": key}).scalar()
    return _plain(found) if found is not None else None


def waiting(session: Session) -> int:
    """How many jobs no worker has begun."""
    return int(session.execute(_WAITING).scalar_one())


def unfinished(session: Session, limit: int) -> Sequence[tuple[dict[str, Any], bool]]:
    """What each unfinished job was asked for, and whether it runs; those that run first."""
    rows = session.execute(_UNFINISHED, {"limit": limit})
    return [(_plain(row.args), row.status == "doing") for row in rows]


def is_there(session: Session) -> bool:
    """Whether the queue's tables are in the database."""
    return bool(session.execute(_THERE).scalar())


def _values(lease: Lease) -> dict[str, int]:
    return dict(zip(("job", "attempt", "worker"), lease, strict=True))


def _plain(found: Any) -> dict[str, Any]:
    plain = json.loads(found) if isinstance(found, str) else found
    return dict(plain)
