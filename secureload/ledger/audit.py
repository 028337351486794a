"""The audit log: append-only, each row carrying the hash of the one before.

A row's digest is SHA-256 over its canonical JSON (keys sorted, no spaces, ASCII), in which
`previous` is the digest of the row before. An edited, removed, added or reordered row breaks
the chain. Cutting rows off the end does not, so a checkpoint kept elsewhere (the number of
rows and the last digest) is what finds that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from secureload.ledger import chain, plain
from secureload.ledger.canonical import canonical, content, digest
from secureload.ledger.chain import GENESIS as GENESIS
from secureload.ledger.tables import Audit


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """The log's length in rows and its last digest at one moment."""

    count: int
    head: str


def append(session: Session, at: str, event: str, subject: str, detail: Mapping[str, Any]) -> int:
    """Add a row inside the caller's write transaction; return its sequence number."""
    return chain.append(plain.of_session(session), at, event, subject, detail)


def verify(session: Session, checkpoint: Checkpoint | None = None) -> Iterator[str]:
    """Yield one sentence for each row that is not as it was written, or is missing."""
    expected, previous = 1, GENESIS
    at_checkpoint = GENESIS
    for row in session.execute(select(Audit).order_by(Audit.sequence)).scalars():
        if row.sequence != expected:
            yield f"audit rows {expected} to {row.sequence - 1} are missing"
        elif row.previous != previous:
            yield f"audit row {row.sequence} does not follow the row before it"
        if row.digest != digest(row):
            yield f"audit row {row.sequence} was changed after it was written"
        expected, previous = row.sequence + 1, row.digest
        if checkpoint and row.sequence == checkpoint.count:
            at_checkpoint = row.digest
    if checkpoint and expected - 1 < checkpoint.count:
        yield f"the audit log ends at row {expected - 1}; the checkpoint had {checkpoint.count}"
    elif checkpoint and at_checkpoint != checkpoint.head:
        yield f"audit row {checkpoint.count} is not the one that the checkpoint had"


def checkpoint(session: Session) -> Checkpoint:
    """The log as it is now, for keeping elsewhere."""
    last = session.execute(select(Audit).order_by(Audit.sequence.desc()).limit(1)).scalar()
    return (
        Checkpoint(count=last.sequence, head=last.digest)
        if last
        else Checkpoint(count=0, head=GENESIS)
    )


def export(session: Session) -> Iterator[str]:
    """Yield each row as one line of canonical JSON, oldest first, without line ends."""
    for row in session.execute(select(Audit).order_by(Audit.sequence)).scalars():
        yield canonical({**content(row), "digest": row.digest})
