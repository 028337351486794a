"""What every kind of signature over git's payloads has in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from secureload.flow import SignatureStatus, Signer
from secureload.signatures.trust import TrustRoots

Clock: TypeAlias = Callable[[], datetime]


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What one signature is worth: its status, who made it if known, and why, in a sentence."""

    status: SignatureStatus
    signer: Signer | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SignatureKind:
    """A kind of detached signature: how its armor begins, and who checks it.

    `check` takes the payload, the armored signature, the trust roots, the repository's name
    and the moment to judge expiry by (None: now). It raises `ToolError` when the program it
    needs is missing.
    """

    name: str
    begins: bytes
    check: Callable[[bytes, bytes, TrustRoots, str, datetime | None], Judgement]
