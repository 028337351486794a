"""Figures of the ledger: the queue and its age, what was decided, each row once."""

from __future__ import annotations

import asyncio
import datetime as dt
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from secureload.gateway import standing
from secureload.gateway.metrics import Metrics
from secureload.gateway.standing import Standing
from secureload.ledger import jobs
from secureload.ledger.database import Database
from secureload.ledger.records import JobRecord

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


def iso(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")


@pytest.fixture
def ledger(tmp_path: Path) -> Database:
    made = Database(tmp_path / "ledger.db", tmp_path / "lock")
    made.create()
    return made


class Watch:
    """A service's figures at a time that the test sets."""

    def __init__(self, ledger: Database, *expire: dt.date) -> None:
        self.now = NOW
        self.metrics = Metrics()
        waivers = [SimpleNamespace(expires=day) for day in expire]
        policy: Any = SimpleNamespace(policy=lambda: SimpleNamespace(waivers=waivers))
        self._standing = Standing(self.metrics, ledger, policy, clock=lambda: self.now)

    def look(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(standing, "FRESH", -1.0)
        asyncio.run(self._standing.refresh())

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"secureload_{name}", labels)


def put(ledger: Database, id_: str, at: datetime, *, kind: str = "admit") -> None:
    record = JobRecord(
        id=id_, kind=kind, repository="org/m", policy="p", requested_by="a", created_at=iso(at)
    )
    with ledger.write() as session:
        jobs.add(session, record)


def end(ledger: Database, id_: str, at: datetime, state: str, **document: Any) -> None:
    with ledger.write() as session:
        jobs.start(session, id_, iso(at))
        jobs.finish(session, id_, state, document, iso(at), commit="")


def test_the_age_of_the_queue_is_its_oldest_jobs(
    ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(ledger)
    put(ledger, "old", NOW - timedelta(minutes=5))
    put(ledger, "new", NOW - timedelta(minutes=1))
    watch.look(monkeypatch)
    assert watch.value("queue_age_seconds") == 300
    end(ledger, "old", NOW, "failed")
    end(ledger, "new", NOW, "failed")
    watch.look(monkeypatch)
    assert watch.value("queue_age_seconds") == 0


def test_a_job_is_counted_once_wherever_it_was_done(
    ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(ledger, "before", NOW - timedelta(hours=2))
    end(ledger, "before", NOW - timedelta(hours=1), "admitted")
    watch = Watch(ledger)
    put(ledger, "a", NOW)
    figures = {"scan_seconds": 2.0, "scanned_bytes": 700.0, "nonsense_seconds": 1.0, "x": 1.0}
    end(ledger, "a", NOW + timedelta(seconds=30), "admitted", figures=figures)
    for later in (31, 32, 80, 200):
        watch.now = NOW + timedelta(seconds=later)
        watch.look(monkeypatch)
    # One that began earlier may be seen later: its transaction took longer.
    put(ledger, "b", NOW)
    end(ledger, "b", NOW + timedelta(seconds=20), "refused")
    watch.look(monkeypatch)
    assert watch.value("jobs_ended_total", kind="admit", state="admitted") == 1
    assert watch.value("jobs_ended_total", kind="admit", state="refused") == 1
    assert watch.value("admission_seconds_sum", state="admitted") == 30
    assert watch.value("stage_seconds_sum", stage="scan") == 2
    assert watch.value("stage_seconds_sum", stage="nonsense") is None
    assert watch.value("gate_bytes_total", work="scanned") == 700


@pytest.mark.parametrize(("days", "counted"), [(-1, 0), (0, 1), (7, 1), (8, 0), (400, 0)])
def test_waivers_that_end_within_a_week(
    ledger: Database, monkeypatch: pytest.MonkeyPatch, days: int, counted: int
) -> None:
    watch = Watch(ledger, NOW.date() + timedelta(days=days))
    watch.look(monkeypatch)
    assert watch.value("waivers_expiring") == counted
