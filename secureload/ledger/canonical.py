"""What the ledger hashes: canonical JSON, and the content of an audit row."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical(value: Any) -> str:
    """JSON with sorted keys, no spaces and ASCII only: equal values, equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def digest(row: Any) -> str:
    """What the digest of an audit row must be."""
    return hashlib.sha256(canonical(content(row)).encode("ascii")).hexdigest()


def content(row: Any) -> dict[str, Any]:
    """What the digest of an audit row covers."""
    return {
        "sequence": row.sequence,
        "at": row.at,
        "event": row.event,
        "subject": row.subject,
        "detail": row.detail,
        "previous": row.previous,
    }
