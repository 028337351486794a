"""Limits: each client has its own share, and is told when there is more."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from secureload.gateway.limits import Limiter, Limits, TooMany
from secureload.gateway.principals import Principal
from tests.servers.service import Service

ALICE = Principal(name="alice", roles=frozenset(), known=True)
NOBODY = Principal(name="anonymous", roles=frozenset(), known=False)


async def ask(
    limiter: Limiter,
    who: Principal = NOBODY,
    address: str = "192.0.2.1",
    route: str = "info",
    took: int = 0,
) -> None:
    with limiter.held(who, address, route, lambda: took):
        pass


def turned_away(problem: pytest.ExceptionInfo[TooMany]) -> int:
    assert problem.value.status == 429
    return int(problem.value.headers["Retry-After"])


def test_requests_a_second() -> None:
    counted: Counter[str] = Counter()

    async def run() -> None:
        limits = Limits(requests_per_second=2, requests_burst=5)
        limiter = Limiter(limits, lambda limit: counted.update([limit]))
        for _ in range(5):
            await ask(limiter)
        with pytest.raises(TooMany) as problem:
            await ask(limiter)
        assert 1 <= turned_away(problem) <= 60
        await ask(limiter, ALICE)  # another client
        await ask(limiter, NOBODY, "192.0.2.2")
        for _ in range(10):
            await ask(limiter, route="livez")

    asyncio.run(run())
    assert counted == {"requests": 1}


def test_an_ipv6_customer_is_one_client() -> None:
    async def run() -> None:
        limiter = Limiter(Limits(requests_per_second=1, requests_burst=1))
        await ask(limiter, address="2001:db8::1")
        with pytest.raises(TooMany):
            await ask(limiter, address="2001:db8::2")
        await ask(limiter, address="2001:db8:0:1::1")
        await ask(limiter, address="no address")

    asyncio.run(run())


def test_bytes_a_minute_count_for_the_next_request() -> None:
    async def run() -> None:
        limiter = Limiter(Limits(bytes_per_minute=1_000))
        await ask(limiter, route="resolve", took=999)
        await ask(limiter, route="resolve", took=5_000)
        with pytest.raises(TooMany) as problem:
            await ask(limiter, route="resolve")
        assert 1 <= turned_away(problem) <= 60
        await ask(limiter, route="info")
        await ask(limiter, ALICE, route="resolve")

    asyncio.run(run())


def test_downloads_at_once() -> None:
    async def run() -> None:
        limiter = Limiter(Limits(downloads=2))

        with (
            limiter.held(ALICE, "", "resolve", lambda: 0),
            limiter.held(ALICE, "", "resolve", lambda: 0),
        ):
            with pytest.raises(TooMany):
                await ask(limiter, ALICE, route="resolve")
            await ask(limiter, NOBODY, route="resolve")
            await ask(limiter, ALICE, route="info")
        await ask(limiter, ALICE, route="resolve")

    asyncio.run(run())


def test_bad_tokens_are_counted_by_address() -> None:
    limiter = Limiter(Limits(requests_per_second=1, requests_burst=3))
    for _ in range(3):
        limiter.unknown("192.0.2.1")
    with pytest.raises(TooMany):
        limiter.unknown("192.0.2.1")
    limiter.unknown("192.0.2.2")


def test_without_limits_nobody_is_turned_away() -> None:
    async def run() -> None:
        limiter = Limiter(Limits())
        for _ in range(2_000):
            await ask(limiter, route="resolve", took=1 << 40)

    asyncio.run(run())


def test_a_service_turns_away_who_had_their_share(tmp_path: Path) -> None:
    setup = tmp_path / "serve.yaml"
    setup.write_text(
        "apiVersion: secureload/v1\nkind: Service\nmetadata: {name: x}\n"
        "spec:\n  offline: true\n  limits: {requestsPerSecond: 1, requestsBurst: 60}\n"
    )
    options = ("--config", str(setup))
    with Service(home=tmp_path / "home", upstream="http://127.0.0.1:9", options=options) as service:
        found = [service.ask("/api/secureload/v1/whoami") for _ in range(70)]
        assert {answer.status for answer in found[:40]} == {200}
        last = found[-1]
        assert last.status == 429
        assert 1 <= int(last.headers["retry-after"]) <= 60
        assert last.json["title"] == "Too many requests"
        assert service.ask("/livez").status == 200
