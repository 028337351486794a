"""Who asks: principals, their roles, and how a request's token becomes one."""

from __future__ import annotations

import enum
import hashlib
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from secureload.gateway.problems import Unauthorised
from secureload.ledger import tokens
from secureload.ledger.database import Database


class Role(enum.Enum):
    """What someone may do. Roles do not contain one another: a token may have several."""

    READER = "reader"
    """Fetch what is admitted, and see why something is not."""
    REQUESTER = "requester"
    """Ask for admissions, scans, verifications and reviews."""
    REVIEWER = "reviewer"
    """Decide on reviews, waive, recall."""
    ADMIN = "admin"
    """Make and revoke tokens, lift recalls."""
    AUDITOR = "auditor"
    """Read everything on record: loads, the audit log, tokens' names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """Someone who asks. `name` is what records say; `upstream` their own token for the hub.

    Without an account here (`known` false), the hub is asked whether they may read.
    """

    name: str
    roles: frozenset[Role]
    known: bool
    upstream: str = field(default="", repr=False)

    @property
    def credentials(self) -> str:
        """A digest of the token shown to the hub: what answers are remembered by."""
        if not self.upstream:
            return _NONE
        return hashlib.sha256(self.upstream.encode("utf-8", "surrogateescape")).hexdigest()


_NONE = hashlib.sha256(b"").hexdigest()


class Identities(Protocol):
    """The seam for who is who: tokens here, a company's sign-in elsewhere."""

    def identify(self, authorization: str, address: str) -> Principal:
        """Who sent this `Authorization` header from this address.

        Raises:
            Unauthorised: the header claims an account, and the claim is not good.
        """


class LedgerTokens:
    """Tokens from the ledger; whoever shows none has the roles `anonymous`."""

    def __init__(self, ledger: Database, anonymous: frozenset[Role]) -> None:
        self._ledger = ledger
        self._anonymous = anonymous
        self._known: dict[str, tuple[float, Principal]] = {}

    def identify(self, authorization: str, address: str) -> Principal:
        """See `Identities.identify`; a revoked token ends within `FRESH` seconds."""
        kind, _, text = authorization.partition(" ")
        text = text.strip()
        if kind.lower() != "bearer" or not text.startswith(tokens.PREFIX):
            upstream = text if kind.lower() == "bearer" else ""
            return Principal(
                name=f"anonymous@{address}", roles=self._anonymous, known=False, upstream=upstream
            )
        key, now = tokens.digest(text), time.monotonic()
        found = self._known.get(key)
        if found is not None and found[0] > now:
            return found[1]
        at = datetime.now(UTC).isoformat(timespec="microseconds")
        with self._ledger.read() as session:
            record = tokens.find(session, text, at)
        if record is None:
            self._known.pop(key, None)
            raise Unauthorised("this token is unknown here, revoked or expired")
        roles = frozenset(Role(name) for name in record.roles)
        principal = Principal(name=record.name, roles=roles, known=True)
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        self._known[key] = (now + FRESH, principal)
        return principal

    def forget(self) -> None:
        """Look every token up anew."""
        self._known.clear()


FRESH = 1.0
"""Seconds for which a token found good is not looked up again."""

_REMEMBERED = 10_000
"""Tokens remembered at most; then all are looked up anew."""
