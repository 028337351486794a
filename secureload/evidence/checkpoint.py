"""Signed checkpoints of the audit log: what is kept elsewhere, to find rows cut off its end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from secureload.errors import EvidenceError
from secureload.evidence.envelope import NotSignedError, canonical, seal, unseal
from secureload.evidence.operator import Operator

PAYLOAD = "application/vnd.secureload.audit-checkpoint+json"
_SCHEMA = "secureload.audit-checkpoint/1"


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedCheckpoint:
    """The log's length in rows and its last digest, who signed that, and when (ISO 8601, UTC)."""

    count: int
    head: str
    at: str
    keyid: str


def make(count: int, head: str, operator: Operator, *, at: datetime) -> bytes:
    """The envelope (DSSE) to keep somewhere that whoever can write the log cannot reach."""
    said = {"schema": _SCHEMA, "count": count, "head": head, "at": at.isoformat()}
    return canonical(seal(canonical(said), operator, payload_type=PAYLOAD))


def read(data: bytes, keys: Sequence[bytes]) -> SignedCheckpoint:
    """What a checkpoint says, once one of these public keys (PEM) is seen to have signed it.

    Raises:
        EvidenceError: it is no checkpoint, or none of them did.
    """
    hint = "`secureload audit checkpoint` writes one; --trust-root names another operator's key"
    try:
        payload, keyid = unseal(data, keys, payload_type=PAYLOAD)
        said = json.loads(payload)
        count, head = said["count"], said["head"]
        if said["schema"] != _SCHEMA or not isinstance(count, int) or not isinstance(head, str):
            raise NotSignedError(f"not of the form {_SCHEMA}")
        return SignedCheckpoint(count=count, head=head, at=str(said["at"]), keyid=keyid)
    except (NotSignedError, ValueError, KeyError, TypeError) as error:
        raise EvidenceError(f"the checkpoint does not hold: {error}", hint=hint) from error
