"""Readiness: each part is tried, and what fails is named without saying more."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from secureload.errors import CacheError
from secureload.gateway import app, health
from secureload.gateway.config import Config
from secureload.gateway.parts import Services, services
from secureload.gateway.store import Store
from secureload.settings import Settings
from tests.secureload.gateway.conftest import Guarded


def parts_of(home: Path, policy: str = "default") -> Services:
    settings = Settings(home=home, endpoint="http://127.0.0.1:9", policy=policy, offline=True)
    return services(Config(settings=settings, policy=policy, workers=1))


def looked(parts: Services, harm: Callable[[], object] = lambda: None) -> dict[str, str]:
    async def look() -> dict[str, str]:
        await parts.jobs.start()
        try:
            harm()
            return await health.Health(health.checks(parts)).parts()
        finally:
            await parts.jobs.close()

    return asyncio.run(look())


def test_a_sound_service_is_ready(guarded: Guarded) -> None:
    answer = guarded[0].ask("/readyz")
    assert answer.status == 200
    assert answer.json["parts"] == dict.fromkeys(("database", "store", "keys", "workers"), "ok")


def test_a_damaged_ledger_is_named(tmp_path: Path) -> None:
    parts = parts_of(tmp_path / "home")
    path = parts.ledger.path

    def harm() -> None:
        for file in path.parent.glob(f"{path.name}*"):
            file.unlink()
        path.write_bytes(b"no database" * 1_000)

    assert looked(parts, harm)["database"] == "CacheError"


def test_a_store_that_takes_nothing_is_named(tmp_path: Path) -> None:
    parts = parts_of(tmp_path / "home")

    # Not by mode bits: whoever runs the tests may be root.
    def harm() -> None:
        shutil.move(tmp_path / "home", tmp_path / "elsewhere")
        (tmp_path / "home").write_text("no folder")

    found = looked(parts, harm)
    assert found["store"] == "CacheError"


def test_a_policy_gone_bad_is_named(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    good = "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: p}\nspec: {}\n"
    policy.write_text(good)
    parts = parts_of(tmp_path / "home", str(policy))
    parts.catalogue._policy = None

    found = looked(parts, lambda: policy.write_text(good.replace("spec: {}", "spec: {x: 1}")))
    assert found["keys"] == "PolicyError"
    assert found["database"] == found["store"] == found["workers"] == "ok"


def test_an_operators_key_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECURELOAD_OPERATOR_KEY", str(tmp_path / "missing.pem"))
    assert looked(parts_of(tmp_path / "home"))["keys"] == "EvidenceError"


class Away:
    """A store somewhere else that does not answer, in front of one that lies here."""

    def __init__(self, here: Store) -> None:
        self.open, self.keep = here.open, here.keep

    async def ready(self) -> None:
        raise CacheError("s3://models/secureload does not answer")


def answers(parts: Services, *paths: str) -> list[tuple[int, dict[str, Any]]]:
    """Status and body of each path, from the application itself."""

    async def ask(made: app.App, path: str) -> tuple[int, dict[str, Any]]:
        said: list[Any] = []

        async def send(message: Any) -> None:
            said.append(message)

        scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode()}
        more = {"headers": [], "query_string": b"", "client": ("192.0.2.1", 1)}
        await made({**scope, **more}, None, send)  # type: ignore[arg-type]
        return said[0]["status"], json.loads(said[1]["body"])

    async def run() -> list[tuple[int, dict[str, Any]]]:
        made = app.App(parts)
        async with made.running():
            return [await ask(made, path) for path in paths]

    return asyncio.run(run())


def test_an_object_store_that_is_away_leaves_a_front_end_in_its_place(tmp_path: Path) -> None:
    parts = parts_of(tmp_path / "home")
    parts = dataclasses.replace(parts, store=Away(parts.store))
    ((status, said),) = answers(parts, "/readyz")
    assert (status, said["status"]) == (200, "degraded")
    assert said["parts"].pop("objects") == "CacheError"
    assert set(said["parts"].values()) == {"ok"}
    figures = parts.metrics.text(running=0, queued=0)[0].decode()
    assert 'secureload_part_ok{part="objects"} 0.0' in figures
    assert 'secureload_part_ok{part="database"} 1.0' in figures


def test_whatever_else_is_away_it_is_not_ready(tmp_path: Path) -> None:
    parts = parts_of(tmp_path / "home")
    parts = dataclasses.replace(parts, store=Away(parts.store))

    async def broken() -> None:
        raise CacheError("no")

    parts.jobs.ready = broken  # type: ignore[method-assign]
    ((status, said),) = answers(parts, "/readyz")
    assert status == 503
    assert said["parts"]["workers"] == said["parts"]["objects"] == "CacheError"
    assert "objects" not in said["detail"]
    assert "workers" in said["detail"]


def test_answers_stand_for_a_while_and_one_look_serves_all() -> None:
    now, asked = 0.0, []

    async def check() -> None:
        asked.append(now)
        if len(asked) > 1:
            raise CacheError("the disk at /secret/place is gone")

    async def look() -> None:
        nonlocal now
        found = health.Health({"store": check}, clock=lambda: now)
        await asyncio.gather(*(found.parts() for _ in range(50)))
        assert len(asked) == 1
        now = health.FRESH + 0.1
        assert await found.parts() == {"store": "CacheError"}  # and no word of the place
        assert len(asked) == 2

    asyncio.run(look())


def test_a_part_that_hangs_is_a_part_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_SECONDS", 0.05)
    never: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(60)  # noqa: E731

    assert "no answer" in asyncio.run(health.Health({"store": never}).parts())["store"]
