"""An issuer's keys: fetched once, fetched again when they change, and not on anyone's demand."""

from __future__ import annotations

import asyncio

import pytest

from secureload.gateway.oidc import keys as module
from secureload.gateway.oidc.keys import Keys
from secureload.gateway.oidc.provider import Grant, Provider
from secureload.gateway.oidc.tokens import verify
from secureload.gateway.problems import Unauthorised, Unavailable
from tests.servers.issuer import Issuer


def provider_of(issuer: Issuer) -> Provider:
    grants = (Grant(roles=("reader",), claims={"sub": "*"}),)
    return Provider(name="ci", issuer=issuer.url, audience="us", grants=grants)


def test_keys_are_asked_for_once_and_again_when_one_is_new() -> None:
    async def run(issuer: Issuer) -> None:
        now = 0.0
        provider = provider_of(issuer)
        keys = Keys(provider, clock=lambda: now)
        old = issuer.sign({"aud": "us"})
        await asyncio.gather(*(verify(old, provider, keys) for _ in range(20)))
        assert issuer.asked.count("/keys") == 1

        issuer.rotate("second")
        new = issuer.sign({"aud": "us"})
        with pytest.raises(Unauthorised):  # asked a moment ago: not again yet
            await verify(new, provider, keys)
        assert issuer.asked.count("/keys") == 1
        now = module.PAUSE + 1
        assert (await verify(new, provider, keys))["sub"] == "u-1"
        assert issuer.asked.count("/keys") == 2

        with pytest.raises(Unauthorised):  # the old key is gone from the set
            await verify(old, provider, keys)
        for index in range(50):  # whoever makes up key ids makes us ask no more
            with pytest.raises(Unauthorised):
                await verify(issuer.sign({"aud": "us"}, kid=f"k{index}"), provider, keys)
        assert issuer.asked.count("/keys") == 2

        now += module.FRESH
        await verify(new, provider, keys)
        assert issuer.asked.count("/keys") == 3

    with Issuer() as issuer:
        asyncio.run(run(issuer))


def test_an_issuer_that_is_away_is_told_and_asked_again_later() -> None:
    async def run() -> None:
        now = 0.0
        with Issuer() as issuer:
            provider = provider_of(issuer)
            keys = Keys(provider, clock=lambda: now)
            token = issuer.sign({"aud": "us"})
            await verify(token, provider, keys)
        now = module.FRESH + 1
        # Keys at hand go on verifying; those who have none wait.
        assert (await verify(token, provider, keys))["sub"] == "u-1"
        with pytest.raises(Unavailable):
            await verify(token, provider, Keys(provider, clock=lambda: now))

    asyncio.run(run())
