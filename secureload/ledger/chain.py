"""The next row of the audit log, chained to the one before."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from secureload.ledger.canonical import canonical, content, digest
from secureload.ledger.plain import Rows

GENESIS = "0" * 64
"""What the first row names as the digest before it."""


def append(rows: Rows, at: str, event: str, subject: str, detail: Mapping[str, Any]) -> int:
    """Add a row inside the caller's write transaction; return its sequence number."""
    last = rows("SELECT sequence, digest FROM audit ORDER BY sequence DESC LIMIT 1")
    row = SimpleNamespace(
        sequence=last[0].sequence + 1 if last else 1,
        at=at,
        event=event,
        subject=subject,
        detail=canonical(detail),
        previous=last[0].digest if last else GENESIS,
    )
    rows(
        "INSERT INTO audit (sequence, at, event, subject, detail, previous, digest)"
        " VALUES (:sequence, :at, :event, :subject, :detail, :previous, :digest)",
        **content(row),
        digest=digest(row),
    )
    return int(row.sequence)
