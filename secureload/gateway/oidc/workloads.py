"""Workloads that show a signed token of their platform: GitHub Actions, Kubernetes, others."""

from __future__ import annotations

from collections.abc import Iterable

from secureload.gateway.oidc import tokens
from secureload.gateway.oidc.keys import Keys
from secureload.gateway.oidc.provider import Provider
from secureload.gateway.principals import Principal
from secureload.gateway.problems import Unauthorised


class Workloads:
    """The issuers whose tokens stand for a workload here."""

    def __init__(self, providers: Iterable[Provider]) -> None:
        self._providers = {
            provider.issuer: (provider, Keys(provider))
            for provider in providers
            if not provider.for_people
        }

    async def identify(self, authorization: str) -> Principal | None:
        """Who showed a signed token; None where the header holds none, or no issuer is named.

        Raises:
            Unauthorised: no issuer here stands for it, or it is not good.
            Unavailable: the issuer's keys cannot be had.
        """
        kind, _, text = authorization.partition(" ")
        text = text.strip()
        if not self._providers or kind.lower() != "bearer" or not tokens.looks_like_one(text):
            return None
        issuer = tokens.unverified_part(text, 1).get("iss")
        found = self._providers.get(issuer) if isinstance(issuer, str) else None
        if found is None:
            raise Unauthorised("the token's issuer is none of this service")
        provider, keys = found
        return provider.principal(await tokens.verify(text, provider, keys))
