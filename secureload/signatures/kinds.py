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


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """When signatures were first met, and what that excuses in one met in time.

    `first` takes the SHA-256 of a signature's bytes, and gives now if it was never met.
    `expired`: that its key has expired since; `retired`: that its holder has withdrawn the key
    since, and said that nobody stole it.
    """

    first: Callable[[str], datetime]
    expired: bool = False
    retired: bool = False


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
    `retired`, where the kind has it, tells since when a signer's key is revoked, and gives the
    trust roots as they were before; None where it may have been stolen.
    """

    name: str
    over: Literal["git", "folder"]
    begins: bytes
    check: Callable[[bytes, bytes, TrustRoots, str, datetime | None], Judgement]
    retired: Callable[[TrustRoots, Signer], tuple[datetime, TrustRoots] | None] | None = None


def judged_with_memory(
    kind: SignatureKind,
    payload: bytes,
    signature: bytes,
    trust: TrustRoots,
    repository: str,
    now: datetime | None,
    seen: Memory | None,
) -> Judgement:
    """Judge a signature; where its key has ended since it was first met, as of then.

    The moment is the ledger's own, never the one that a signature claims. A key that was
    revoked for any reason but a retirement stays revoked: whoever stole one may have signed
    before anybody noticed.

    Raises:
        ToolError: a program or library that the kind needs is missing.
    """
    judged = kind.check(payload, signature, trust, repository, now)
    if seen is None:
        return judged
    first = seen.first(hashlib.sha256(signature).hexdigest())
    then, ended = judged, ""
    if then.status is SignatureStatus.EXPIRED_KEY and seen.expired:
        ended = "has expired since"
        then = kind.check(payload, signature, trust, repository, first)
    if then.status is SignatureStatus.REVOKED_KEY and seen.retired:
        before = _before_retirement(kind, trust, then.signer, first)
        if before is not None:
            ended = "was retired since"
            moment = first if seen.expired else now
            then = kind.check(payload, signature, before, repository, moment)
    if not ended or then.status is not SignatureStatus.VERIFIED:
        return judged
    return replace(then, detail=f"{then.detail}; the key {ended}, first seen here {first:%Y-%m-%d}")


def _before_retirement(
    kind: SignatureKind, trust: TrustRoots, signer: Signer | None, first: datetime
) -> TrustRoots | None:
    """The trust roots as they were before a key was retired, if a signature was met by then."""
    found = kind.retired(trust, signer) if kind.retired and signer else None
    if found is None or first >= found[0]:
        return None
    return found[1]
