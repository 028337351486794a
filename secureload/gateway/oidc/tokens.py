"""Whether a signed token is good: issuer, audience, algorithm, key, times, nonce.

OpenID Connect Core 1.0, 3.1.3.7, and RFC 8725 (best practices for JSON Web Tokens). Only
algorithms with a public key are known here, so that neither `none` nor a secret made of the
public key can pass.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError

from secureload.gateway.oidc.keys import Keys
from secureload.gateway.oidc.provider import Provider
from secureload.gateway.problems import Unauthorised

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
              "EdDSA", "Ed25519")  # fmt: skip

LONGEST = 16 << 10
"""Characters of the longest token read; those with many groups have some KiB."""

_LEEWAY = 60
"""Seconds by which clocks may differ."""

_LIFE = 24 * 3_600
"""A token that is good for longer is a password, and not taken."""


def looks_like_one(text: str) -> bool:
    """Whether a bearer token is a signed token and not one of ours or the hub's."""
    return text.startswith("eyJ") and text.count(".") == 2


def unverified_part(text: str, index: int) -> dict[str, Any]:
    """The header (0) or the claims (1) of a token, which nobody has vouched for yet.

    Raises:
        Unauthorised: it is none.
    """
    try:
        if len(text) > LONGEST:
            raise ValueError("too long")
        part = text.split(".")[index]
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        if not isinstance(found, dict):
            raise ValueError("no object")
    except (ValueError, binascii.Error, RecursionError, IndexError) as error:
        raise Unauthorised("the token cannot be read") from error
    return found


async def verify(
    text: str,
    provider: Provider,
    keys: Keys,
    *,
    nonce: str | None = None,
    now: Callable[[], float] = time.time,
) -> Mapping[str, Any]:
    """The claims of a token that is good, and was made for this service by this issuer.

    Raises:
        Unauthorised: it is not; the message says which check failed.
        Unavailable: the issuer's keys cannot be had.
    """
    header = unverified_part(text, 0)
    if header.get("alg") not in ALGORITHMS:
        raise Unauthorised("the token is signed in no way that is accepted here")
    kid = header.get("kid")
    await keys.prepare(kid if isinstance(kid, str) else None)
    assert keys.keys is not None
    try:
        claims = jwt.decode(text, keys.keys, algorithms=list(ALGORITHMS)).claims
    except (JoseError, ValueError, TypeError) as error:
        raise Unauthorised("the token's signature does not hold") from error
    _check(claims, provider, int(now()))
    if nonce is not None:
        said = claims.get("nonce")
        if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
            raise Unauthorised("the token is the answer to another sign-in")
    return dict(claims)


def _check(claims: Mapping[str, Any], provider: Provider, now: int) -> None:
    registry = jwt.JWTClaimsRegistry(
        now=now,
        leeway=_LEEWAY,
        iss={"essential": True, "value": provider.issuer},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )
    try:
        registry.validate(dict(claims))
    except JoseError as error:
        claim = getattr(error, "claim", "") or "exp"
        raise Unauthorised(f"the token's claim `{claim}` is missing, wrong or out of date") from (
            error
        )
    audiences = claims.get("aud")
    listed = audiences if isinstance(audiences, list) else [audiences]
    if provider.expected_audience not in listed:
        raise Unauthorised("the token is for another service (`aud`)")
    if "azp" in claims and provider.for_people and claims["azp"] != provider.client_id:
        raise Unauthorised("the token was given to another client (`azp`)")
    if len(listed) > 1 and provider.for_people and "azp" not in claims:
        raise Unauthorised("the token is for several services, and says of none who asked (`azp`)")
    if claims["exp"] - claims["iat"] > _LIFE:
        raise Unauthorised("the token is good for longer than a day, which is not accepted")
