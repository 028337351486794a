"""Readiness: each part is tried, and what fails is named without saying more."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from secureload.errors import CacheError
from secureload.gateway import app, health
from secureload.gateway.config import Config
from secureload.settings import Settings
from tests.secureload.gateway.conftest import Guarded


def parts_of(home: Path, policy: str = "default") -> app.Services:
    settings = Settings(home=home, endpoint="http://127.0.0.1:9", policy=policy, offline=True)
    return app.services(Config(settings=settings, policy=policy, workers=1))


def looked(parts: app.Services, harm: Callable[[], object] = lambda: None) -> dict[str, str]:
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
