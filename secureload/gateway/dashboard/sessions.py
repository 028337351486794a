"""Who has signed in: a session in a signed cookie, made from a token of the service.

The cookie holds no secret and is of no use to another site: it is HttpOnly and SameSite=Strict,
and forms carry a second proof beside it. A session made from a token ends with the token.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from pathlib import Path

from itsdangerous import BadSignature, URLSafeTimedSerializer

from secureload.errors import UsageError
from secureload.gateway.aside import aside
from secureload.gateway.principals import Identities, Principal, Role
from secureload.gateway.problems import Unauthorised
from secureload.gateway.sending import Scope
from secureload.ledger import tokens
from secureload.ledger.database import Database
from secureload.ledger.records import TokenRecord

SECONDS = 8 * 3_600
"""How long a session lasts: a working day."""

_KEY_BYTES = 32
VARIABLE = "SECURELOAD_SESSION_KEY"
"""The key in hex, where several front ends share it; otherwise each home has its own file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """What the cookie says. `nonce` tells sessions apart, also those of nobody in particular.

    `token` is the id of the token it was made from; empty until someone signs in.
    """

    nonce: str
    token: str = ""
    fresh: bool = False
    """True when the browser does not have it yet."""


class Sessions:
    """Sessions read from requests and begun at sign-in."""

    def __init__(
        self, home: Path, ledger: Database, identities: Identities, *, secure: bool
    ) -> None:
        self._key = _key(home)
        self._signer = URLSafeTimedSerializer(self._key, salt="secureload.session")
        self._ledger = ledger
        self._identities = identities
        self._secure = secure
        self.cookie = "__Host-secureload" if secure else "secureload_session"

    def read(self, scope: Scope) -> Session:
        """The session of a request, or a new one of nobody."""
        for name, value in scope["headers"]:
            if name != b"cookie":
                continue
            jar: SimpleCookie = SimpleCookie()
            with suppress(CookieError):
                jar.load(value.decode("latin-1"))
            if self.cookie in jar:
                with suppress(BadSignature, TypeError, ValueError, KeyError):
                    said = self._signer.loads(jar[self.cookie].value, max_age=SECONDS)
                    return Session(nonce=said["nonce"], token=said["token"])
        return Session(nonce=secrets.token_urlsafe(18), fresh=True)

    async def principal(self, scope: Scope) -> Principal:
        """Who asks.

        Raises:
            Unauthorised: an `Authorization` header claims an account, and the claim is bad.
        """
        session = self.read(scope)
        if session.token:
            record = await aside(self._standing, session.token)
            if record is not None:
                return _known(record.name, record.roles)
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        address = scope["client"][0] if scope.get("client") else "unknown"
        return self._identities.identify(given[0].decode("latin-1") if given else "", address)

    async def begin(self, text: str) -> Session:
        """Sign in with a token.

        Raises:
            Unauthorised: the token is none of this service, or no longer good.
        """
        record = await aside(self._find, text.strip()) if text.strip() else None
        if record is None:
            raise Unauthorised("this token is unknown here, revoked or expired")
        return Session(nonce=secrets.token_urlsafe(18), token=record.id, fresh=True)

    def header(self, session: Session) -> tuple[bytes, bytes]:
        """The header that gives a session to the browser."""
        said = {"nonce": session.nonce, "token": session.token}
        return self._set(self._signer.dumps(said), SECONDS)

    def end(self) -> tuple[bytes, bytes]:
        """The header that takes the session away from the browser."""
        return self._set("", 0)

    def proof(self, session: Session) -> str:
        """What every form of a session carries, and no other site can know."""
        made = hmac.new(self._key, f"form\0{session.nonce}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(made).decode("ascii").rstrip("=")

    def _set(self, value: str, seconds: int) -> tuple[bytes, bytes]:
        parts = [f"{self.cookie}={value}", "Path=/", f"Max-Age={seconds}", "HttpOnly"]
        parts += ["SameSite=Strict", *(["Secure"] if self._secure else [])]
        return (b"set-cookie", "; ".join(parts).encode("ascii"))

    def _find(self, text: str) -> TokenRecord | None:
        with self._ledger.read() as session:
            return tokens.find(session, text, _now())

    def _standing(self, token_id: str) -> TokenRecord | None:
        with self._ledger.read() as session:
            return tokens.standing(session, token_id, _now())


def _known(name: str, roles: Iterable[str]) -> Principal:
    return Principal(name=name, roles=frozenset(map(Role, roles)), known=True)


def _key(home: Path) -> bytes:
    """The key that signs sessions, made when there is none.

    Raises:
        UsageError: the variable holds no key, or the file cannot be read.
    """
    text = os.environ.get(VARIABLE, "")
    if text:
        try:
            key = bytes.fromhex(text)
        except ValueError:
            key = b""
        if len(key) < _KEY_BYTES:
            raise UsageError(
                f"{VARIABLE} is no key", hint="give at least 64 hex digits: openssl rand -hex 32"
            )
        return key
    path = home / "session.key"
    try:
        with suppress(FileExistsError):
            # Whole or not at all: another front end may start at the same moment.
            draft = home / f".session.key.{secrets.token_hex(8)}"
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(secrets.token_bytes(_KEY_BYTES))
                if not path.exists():
                    os.link(draft, path)
            finally:
                draft.unlink()
        key = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"the key of the dashboard's sessions cannot be read: {error.strerror}",
            hint=f"see to {path.name} in the cache's folder, or set {VARIABLE}",
        ) from error
    if len(key) != _KEY_BYTES:
        raise UsageError(f"{path.name} is no key", hint="remove it, and everyone signs in again")
    return key


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
