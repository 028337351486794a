"""An OpenID Connect provider on loopback, that can be told to misbehave.

It keeps what the standard says a provider keeps: codes good once, bound to client, redirect
and PKCE challenge. `sign` makes whatever token an attacker or a workload would show.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from tests.servers.loopback import Loopback

CLIENT, SECRET = "secureload", "client-secret-1"


class Issuer(Loopback):
    """`claims` are those of whoever is signed in at it; `change` is laid over each ID token."""

    def __init__(self) -> None:
        self.key: RSAKey | ECKey = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
        self.keys: list[RSAKey | ECKey] = [self.key]
        self.claims: dict[str, Any] = {
            "sub": "u-1",
            "email": "alice@example.org",
            "email_verified": True,
            "groups": ["ml-users", "staff"],
        }
        self.change: dict[str, Any] = {}
        self.document_change: dict[str, Any] = {}
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        super().__init__(_handler(self))

    def rotate(self, kid: str) -> None:
        """Sign with a new key from now on, and publish only that."""
        self.key = ECKey.generate_key("P-256", {"kid": kid, "use": "sig"})
        self.keys = [self.key]

    def sign(self, claims: Mapping[str, Any], *, kid: str | None = None) -> str:
        """A token with these claims over the usual ones; None leaves one away."""
        now = int(time.time())
        usual = {"iss": self.url, "sub": "u-1", "iat": now, "exp": now + 600}
        said = {k: v for k, v in {**usual, **claims}.items() if v is not None}
        algorithm = "RS256" if isinstance(self.key, RSAKey) else "ES256"
        header = {"alg": algorithm, "kid": kid or self.key.kid}
        return jwt.encode(header, said, self.key, algorithms=[algorithm])

    # -- what it answers -----------------------------------------------------------------

    def document(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            **self.document_change,
        }

    def authorise(self, query: dict[str, list[str]]) -> str:
        """Where the browser of whoever is signed in is sent back to."""
        said = {name: values[0] for name, values in query.items()}
        assert said["response_type"] == "code"
        assert said["client_id"] == CLIENT
        assert said["code_challenge_method"] == "S256"
        assert "openid" in said["scope"].split()
        code = secrets.token_urlsafe(16)
        self._codes[code] = said
        answer = {"code": code, "state": said["state"], "iss": self.url}
        return f"{said['redirect_uri']}?{urlencode(answer)}"

    def exchange(self, form: dict[str, list[str]], authorization: str) -> dict[str, Any] | None:
        said = {name: values[0] for name, values in form.items()}
        asked = self._codes.pop(said.get("code", ""), None)
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        challenge = hashlib.sha256(said.get("code_verifier", "").encode()).digest()
        proof = base64.urlsafe_b64encode(challenge).decode().rstrip("=")
        if (
            asked is None
            or authorization != f"Basic {basic}"
            or said.get("redirect_uri") != asked["redirect_uri"]
            or proof != asked["code_challenge"]
        ):
            return None
        claims = {"aud": CLIENT, "nonce": asked["nonce"], **self.claims, **self.change}
        return {"token_type": "Bearer", "access_token": "x", "id_token": self.sign(claims)}


def _handler(issuer: Issuer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            issuer.asked.append(parts.path)
            if parts.path == "/.well-known/openid-configuration":
                self._json(issuer.document())
            elif parts.path == "/keys":
                self._json({"keys": [key.as_dict(private=False) for key in issuer.keys]})
            elif parts.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", issuer.authorise(parse_qs(parts.query)))
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self.send_error(404)

        def do_POST(self) -> None:
            issuer.asked.append(self.path)
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            answer = issuer.exchange(parse_qs(form), self.headers.get("Authorization", ""))
            self._json(answer or {"error": "invalid_grant"}, 200 if answer else 400)

        def _json(self, value: Any, status: int = 200) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            """Say nothing."""

    return Handler
