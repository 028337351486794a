"""A person's sign-in: the authorisation code flow, with PKCE, state and nonce.

OpenID Connect Core 1.0 (3.1) and RFC 9700 (best practice for OAuth 2.0). At its end the person
has a token of this service that ends by itself, for a browser's session or as `HF_TOKEN`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import quote, urlencode

from secureload.errors import SecureloadError
from secureload.gateway.aside import aside
from secureload.gateway.call import Call, Handler
from secureload.gateway.oidc import tokens as signed
from secureload.gateway.oidc.keys import Keys
from secureload.gateway.oidc.provider import Provider
from secureload.gateway.principals import Principal
from secureload.gateway.problems import Forbidden, Unauthorised, Unavailable
from secureload.gateway.routes import ANYONE, Row
from secureload.gateway.sending import send_bytes
from secureload.ledger import tokens
from secureload.ledger.database import Database
from secureload.sources import transport

BEGIN, BACK = "/sign-in", "/sign-in/callback"

ROWS = tuple(
    Row(name=name, methods=frozenset({"GET", "HEAD"}), template=path, roles=ANYONE)
    for name, path in (("sign_in", BEGIN), ("sign_in_callback", BACK))
)

_SECONDS = 600
"""How long a person may take at the issuer."""

_ANSWER_BYTES = 1 << 20
_REMEMBERED = 10_000

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Signed in</title>
<meta name="viewport" content="width=device-width">
<style>body{{font:1rem/1.5 system-ui;max-width:40rem;margin:4rem auto;padding:0 1rem;
color-scheme:light dark}}code{{word-break:break-all}}</style>
<h1>Signed in</h1><p>You are <b>{name}</b>: {roles}, until {until}.
<a href="/dashboard">Go to the dashboard</a></p>
<p>Your token, shown this once. Programs read it from <code>HF_TOKEN</code>:</p>
<p><code>{token}</code></p></html>"""


class SignIn:
    """The two pages of a sign-in through one provider.

    `begin` makes the header that gives a browser the session of a token.
    """

    def __init__(
        self,
        provider: Provider,
        ledger: Database,
        public_url: str,
        begin: Callable[[str], Awaitable[tuple[bytes, bytes]]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._provider = provider
        self._keys = Keys(provider)
        self._begin = begin
        self._clock = clock
        self._ledger = ledger
        self._public_url = public_url.rstrip("/")
        self._used: dict[str, float] = {}

    def handlers(self) -> Mapping[str, Handler]:
        """Every handler by its row's name."""
        return {"sign_in": self.begin, "sign_in_callback": self.back}

    async def begin(self, call: Call) -> None:
        """Send the browser to the issuer, and have it remember what the answer must fit."""
        await self._keys.prepare()
        said = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
        challenge = _base64(hashlib.sha256(said["verifier"].encode()).digest())
        asked = {
            "response_type": "code",
            "client_id": self._provider.client_id,
            "redirect_uri": self._back(call),
            "scope": " ".join(self._provider.scopes),
            "state": said["state"],
            "nonce": said["nonce"],
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        where = self._keys.endpoint("authorization_endpoint")
        target = f"{where}{'&' if '?' in where else '?'}{urlencode(asked)}"
        headers = [
            (b"location", target.encode()),
            (b"cache-control", b"no-store"),
            self._cookie(_base64(json.dumps(said).encode()), _SECONDS),
        ]
        await send_bytes(call.send, b"", headers, status=303)

    async def back(self, call: Call) -> None:
        """Take the issuer's answer, and give whoever it names a token of this service.

        Raises:
            Unauthorised: the answer is not to a sign-in that this browser began, or not good.
            Forbidden: whoever it names has no role here.
            Unavailable: the issuer cannot be asked.
        """
        said = self._remembered(call)
        query = call.query
        state = query.get("state", [""])[0]
        if not said or not hmac.compare_digest(state.encode(), said["state"].encode()):
            raise Unauthorised("this browser did not begin this sign-in", hint=f"go to {BEGIN}")
        self._once(state)
        issuer = query.get("iss", [self._provider.issuer])[0]
        if issuer != self._provider.issuer:  # RFC 9207: one issuer's answer in another's place
            raise Unauthorised("another issuer has answered this sign-in")
        if "error" in query or "code" not in query:
            what = "".join(c for c in query.get("error", ["no code"])[0] if c.isalnum() or c == "_")
            raise Unauthorised(f"the issuer says no: {what[:100]}", hint=f"go to {BEGIN}")
        await self._keys.prepare()
        given = await aside(
            self._exchange, query["code"][0], said["verifier"], self._back(call),
            self._keys.endpoint("token_endpoint"),
        )  # fmt: skip
        claims = await signed.verify(given, self._provider, self._keys, nonce=said["nonce"])
        principal = self._provider.principal(claims)
        if not principal.roles:
            raise Forbidden(
                f"{principal.name} is in no group that has a role here",
                hint="ask whoever runs the service",
            )
        text, until = await aside(self._make, principal)
        await self._show(call, principal, text, until, await self._begin(text))

    # -- inside --------------------------------------------------------------------------

    def _once(self, state: str) -> None:
        """Take a state once only: an answer that comes twice is somebody else's.

        Raises:
            Unauthorised: it came before.
        """
        now = self._clock()
        if len(self._used) > _REMEMBERED:
            self._used = {s: until for s, until in self._used.items() if until > now}
        if self._used.get(state, 0.0) > now:
            raise Unauthorised("this sign-in is over", hint=f"go to {BEGIN}")
        self._used[state] = now + _SECONDS

    def _exchange(self, code: str, verifier: str, back: str, endpoint: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "client_id": self._provider.client_id,
            "code_verifier": verifier,
        }
        secret = self._provider.secret()
        basic = f"{quote(self._provider.client_id, safe='')}:{quote(secret, safe='')}"
        request = transport.Request(
            url=endpoint,
            subject=f"the issuer {self._provider.name}",
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
            },
            secret={"Authorization": "Basic " + base64.b64encode(basic.encode()).decode()}
            if secret
            else {},
            body=urlencode(form).encode(),
        )
        try:
            with transport.send(request) as response:
                body = bytearray()
                for chunk in transport.chunks(request, response):
                    body += chunk
                    if len(body) > _ANSWER_BYTES:
                        raise ValueError("too large")
            text = json.loads(body)["id_token"]
        except SecureloadError as error:
            if getattr(error, "status", None) is not None or "could not be reached" in str(error):
                raise Unavailable("the issuer cannot be asked", seconds=15) from error
            raise Unauthorised("the issuer does not know this code", hint=f"go to {BEGIN}") from (
                error
            )
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Unavailable("the issuer's answer makes no sense", seconds=15) from error
        if not isinstance(text, str):
            raise Unavailable("the issuer's answer makes no sense", seconds=15)
        return text

    def _make(self, principal: Principal) -> tuple[str, datetime]:
        now = datetime.now(UTC)
        until = now + timedelta(hours=self._provider.session_hours)
        with self._ledger.write() as session:
            _, text = tokens.create(
                session,
                principal.name,
                sorted(role.value for role in principal.roles),
                by=self._provider.name,
                at=now.isoformat(timespec="microseconds"),
                expires=until.isoformat(timespec="microseconds"),
            )
        return text, until

    async def _show(
        self,
        call: Call,
        principal: Principal,
        text: str,
        until: datetime,
        session: tuple[bytes, bytes],
    ) -> None:
        # A page and no redirect: the session's cookie is sent only by a page of this site.
        page = _PAGE.format(
            name=html.escape(principal.name),
            roles=html.escape(", ".join(sorted(role.value for role in principal.roles))),
            until=f"{until:%Y-%m-%d %H:%M} UTC",
            token=html.escape(text),
        )
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; "
             b"frame-ancestors 'none'; base-uri 'none'"),
            (b"referrer-policy", b"no-referrer"),
            (b"x-content-type-options", b"nosniff"),
            self._cookie("", 0),
            session,
        ]  # fmt: skip
        await send_bytes(call.send, page.encode(), headers)

    def _back(self, call: Call) -> str:
        base = self._public_url or f"{call.scope['scheme']}://{call.header(b'host')}"
        return f"{base}{BACK}"

    def _cookie(self, value: str, seconds: int) -> tuple[bytes, bytes]:
        secure = self._public_url.startswith("https://")
        # Lax: the issuer's answer comes from another site, and needs it.
        parts = [f"{self._name()}={value}", f"Path={'/' if secure else BEGIN}", "HttpOnly"]
        parts += [f"Max-Age={seconds}", "SameSite=Lax", *(["Secure"] if secure else [])]
        return (b"set-cookie", "; ".join(parts).encode())

    def _name(self) -> str:
        secure = self._public_url.startswith("https://")
        return "__Host-secureload-sign-in" if secure else "secureload_sign_in"

    def _remembered(self, call: Call) -> dict[str, str]:
        jar: SimpleCookie = SimpleCookie()
        try:
            jar.load(call.header(b"cookie"))
            text = jar[self._name()].value
            said: Any = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            return {name: str(said[name]) for name in ("state", "nonce", "verifier")}
        except (CookieError, KeyError, ValueError, TypeError, RecursionError):
            return {}


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")
