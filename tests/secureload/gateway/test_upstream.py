"""What the hub is asked: once for many, and never for one in the name of another."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from secureload.gateway.principals import Principal
from secureload.gateway.problems import RepoNotFound, RevisionNotFound, Unavailable
from secureload.gateway.upstream import Upstream
from secureload.settings import Settings
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo

CHECK = "/api/models/org/model/auth-check"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalHub]:
    with LocalHub(root=tmp_path / "hub") as server:
        PublishedRepo(server.root, "org/model").commit({"config.json": b"{}"})
        yield server


def upstream(url: str, clock: list[float]) -> Upstream:
    settings = Settings(home=Path("/nowhere"), endpoint=url, policy="default", offline=False)
    return Upstream(settings, 60.0, clock=lambda: clock[0])


def who(token: str) -> tuple[str, str]:
    principal = Principal(name="x", roles=frozenset(), known=False, upstream=token)
    return token, principal.credentials


def test_many_at_once_ask_once_and_the_answer_lasts_a_while(hub: LocalHub) -> None:
    clock = [0.0]
    asked = upstream(hub.url, clock)

    async def crowd() -> None:
        await asyncio.gather(*(asked.check_access("org/model", *who("")) for _ in range(20)))
        assert hub.count(CHECK) == 1
        clock[0] = 59.0
        await asked.check_access("org/model", *who(""))
        assert hub.count(CHECK) == 1
        clock[0] = 61.0
        await asked.check_access("org/model", *who(""))
        assert hub.count(CHECK) == 2

    asyncio.run(crowd())


def test_an_answer_is_for_the_token_that_asked(hub: LocalHub) -> None:
    hub.require("org/model", "hf_right")
    asked = upstream(hub.url, [0.0])

    async def both() -> None:
        right = asked.check_access("org/model", *who("hf_right"))
        wrong = asked.check_access("org/model", *who("hf_wrong"))
        results = await asyncio.gather(right, wrong, return_exceptions=True)
        assert results[0] is None
        assert isinstance(results[1], RepoNotFound)
        with pytest.raises(RepoNotFound):
            await asked.commit("org/model", "main", *who(""))

    asyncio.run(both())


def test_a_hub_that_fails_is_no_yes(hub: LocalHub) -> None:
    async def ask(kind: str, **options: object) -> None:
        hub.behave()
        hub.misbehave(kind, "/api/models/*", **options)  # type: ignore[arg-type]
        asked = upstream(hub.url, [0.0])
        with pytest.raises(Unavailable):
            await asked.commit("org/model", "main", *who(""))

    asyncio.run(ask("status", code=500))
    asyncio.run(ask("status", code=429, headers={"Retry-After": "7"}))
    asyncio.run(ask("body", body=b"[]"))
    asyncio.run(ask("body", body=b'{"sha": "../../x"}'))
    asyncio.run(ask("body", body=b"{"))
    hub.behave()

    async def absent() -> None:
        asked = upstream(hub.url, [0.0])
        with pytest.raises(RevisionNotFound):
            await asked.commit("org/model", "absent", *who(""))
        with pytest.raises(Unavailable):
            await upstream("http://127.0.0.1:9", [0.0]).check_access("org/model", *who(""))

    asyncio.run(absent())
