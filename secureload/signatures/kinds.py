"""What every kind of signature has in common: one constant `SIGNATURE` a module."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, TypeAlias

from secureload.flow import SignatureStatus, Signer
from secureload.signatures.trust import TrustRoots

Clock: TypeAlias = Callable[[], datetime]

Seen: TypeAlias = Callable[[str], datetime]
"""When a signature, named by the SHA-256 of its bytes, was first met; now, if it never was."""

WRONG = frozenset(SignatureStatus) - {
    SignatureStatus.VERIFIED,
    SignatureStatus.UNSIGNED,
    SignatureStatus.UNKNOWN_KEY,
    SignatureStatus.PLATFORM_ATTESTED,
}
"""Statuses of a signature that is there, could be judged, and does not hold."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What one signature is worth: its status, who made it if known, and why, in a sentence.

    `root` is the name of the trust root that holds the key, where one does.
    """

    status: SignatureStatus
    signer: Signer | None = None
    detail: str = ""
    root: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SignatureKind:
    """A kind of signature: what it is made over, how it begins, and who checks it.

    Over `git`, `check` takes the payload and the armored signature found in a commit or tag;
    over a `folder`, the statement's bytes are inside the signature, and the payload is empty.
    Further it takes the trust roots, the repository's name and the moment to judge expiry by
    (None: now). It raises `ToolError` when a program or library it needs is missing.
    """

    name: str
    over: Literal["git", "folder"]
    begins: bytes
    check: Callable[[bytes, bytes, TrustRoots, str, datetime | None], Judgement]


def judged_with_memory(
    kind: SignatureKind,
    payload: bytes,
    signature: bytes,
    trust: TrustRoots,
    repository: str,
    now: datetime | None,
    seen: Seen | None,
) -> Judgement:
    """Judge a signature; where its key has expired since it was first met, as of then.

    The moment is the ledger's own, never the one that a signature claims. A revoked key stays
    revoked: whoever stole one may have signed before anybody noticed.

    Raises:
        ToolError: a program or library that the kind needs is missing.
    """
    judged = kind.check(payload, signature, trust, repository, now)
    if seen is None:
        return judged
    first = seen(hashlib.sha256(signature).hexdigest())
    if judged.status is not SignatureStatus.EXPIRED_KEY:
        return judged
    then = kind.check(payload, signature, trust, repository, first)
    if then.status is not SignatureStatus.VERIFIED:
        return judged
    detail = f"{then.detail}; the key has expired since, first seen here {first:%Y-%m-%d}"
    return replace(then, detail=detail)
