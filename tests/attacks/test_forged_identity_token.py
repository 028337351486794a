"""Attack: a token of another issuer, for another service, out of date, or signed by nobody.

Shown to the check alone, with a real issuer behind it; `test_sign_in.py` shows them to a
whole service.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from secureload.gateway.oidc.keys import Keys
from secureload.gateway.oidc.provider import Grant, Provider
from secureload.gateway.oidc.tokens import verify
from secureload.gateway.problems import Unauthorised, Unavailable
from tests.servers.issuer import Issuer

AUDIENCE = "https://models.example.org"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with Issuer() as running:
        yield running


def provider_of(issuer: Issuer) -> Provider:
    grants = (Grant(roles=("reader",), claims={"sub": "*"}),)
    return Provider(name="ci", issuer=issuer.url, audience=AUDIENCE, grants=grants)


def checked(issuer: Issuer, text: str, nonce: str | None = None) -> dict[str, Any]:
    provider = provider_of(issuer)
    return dict(asyncio.run(verify(text, provider, Keys(provider), nonce=nonce)))


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def good(issuer: Issuer) -> str:
    return issuer.sign({"aud": AUDIENCE})


def none(issuer: Issuer) -> str:
    _, claims, _ = good(issuer).split(".")
    return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{claims}."


def confused(issuer: Issuer) -> str:
    """HS256, with the public key's text as the secret."""
    assert isinstance(issuer.key, RSAKey)
    _, claims, _ = good(issuer).split(".")
    header = {"alg": "HS256", "kid": issuer.key.kid}
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    public = OctKey.import_key(base64.urlsafe_b64encode(issuer.key.as_pem(private=False)).decode())
    return jwt.encode(header, said, public, algorithms=["HS256"])


def other_key(issuer: Issuer) -> str:
    """Signed by the attacker, under the issuer's key id."""
    mine = RSAKey.generate_key(2048, {"kid": issuer.key.kid})
    now = int(time.time())
    claims = {"iss": issuer.url, "sub": "u", "aud": AUDIENCE, "iat": now, "exp": now + 60}
    return jwt.encode({"alg": "RS256", "kid": issuer.key.kid}, claims, mine)


def own_key_in_header(issuer: Issuer) -> str:
    """The attacker's key travels with the token (`jwk`)."""
    mine = RSAKey.generate_key(2048, {"kid": "mine"})
    now = int(time.time())
    claims = {"iss": issuer.url, "sub": "u", "aud": AUDIENCE, "iat": now, "exp": now + 60}
    header = {"alg": "RS256", "jwk": mine.as_dict(private=False)}
    return jwt.encode(header, claims, mine)


def edited(issuer: Issuer) -> str:
    header, claims, signature = good(issuer).split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    return f"{header}.{_part({**said, 'sub': 'admin'})}.{signature}"


def stripped(issuer: Issuer) -> str:
    header, claims, _ = good(issuer).split(".")
    return f"{header}.{claims}."


NOW = int(time.time())


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "https://other.example"},
        {"aud": None},
        {"aud": []},
        {"exp": NOW - 3_600, "iat": NOW - 7_200},
        {"exp": None},
        {"iat": None},
        {"nbf": NOW + 3_600},
        {"exp": NOW + 30 * 86_400},
        {"sub": None},
        {"sub": 7},
        {"exp": "soon"},
    ],
    ids="-".join,
)
def test_a_token_with_wrong_claims_opens_nothing(issuer: Issuer, claims: dict[str, Any]) -> None:
    with pytest.raises(Unauthorised):
        checked(issuer, issuer.sign({"aud": AUDIENCE, **claims}))


@pytest.mark.parametrize(
    "forge",
    [none, confused, other_key, own_key_in_header, edited, stripped],
    ids=lambda f: f.__name__,
)
def test_a_token_signed_by_nobody_opens_nothing(
    issuer: Issuer, forge: Callable[[Issuer], str]
) -> None:
    with pytest.raises(Unauthorised):
        checked(issuer, forge(issuer))


@pytest.mark.parametrize("text", ["eyJ..", "eyJhIjoxfQ.x.y", "eyJ" + "a" * 20_000 + ".b.c", "a.b"])
def test_what_is_no_token_opens_nothing(issuer: Issuer, text: str) -> None:
    with pytest.raises(Unauthorised):
        checked(issuer, text)


def test_a_good_one_is_good(issuer: Issuer) -> None:
    assert checked(issuer, good(issuer))["sub"] == "u-1"
    several = issuer.sign({"aud": ["https://other.example", AUDIENCE]})
    assert checked(issuer, several)["sub"] == "u-1"


@pytest.mark.parametrize("said", ["another", None, 7])
def test_the_answer_to_another_sign_in_opens_nothing(issuer: Issuer, said: object) -> None:
    with pytest.raises(Unauthorised, match="another sign-in"):
        checked(issuer, issuer.sign({"aud": AUDIENCE, "nonce": said}), nonce="mine")
    assert checked(issuer, issuer.sign({"aud": AUDIENCE, "nonce": "mine"}), nonce="mine")


def test_a_discovery_document_of_another_issuer_is_not_followed() -> None:
    with Issuer() as issuer:
        issuer.document_change = {"issuer": "https://evil.example"}
        with pytest.raises(Unavailable, match="another issuer"):
            checked(issuer, good(issuer))


def test_encryption_keys_of_an_issuer_are_not_used() -> None:
    with Issuer() as issuer:
        token = good(issuer)
        issuer.keys = [RSAKey.generate_key(2048, {"kid": "first", "use": "enc"})]
        with pytest.raises(Unavailable):
            checked(issuer, token)
