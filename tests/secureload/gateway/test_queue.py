"""The queue takes an order once, and a lease that was lost publishes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from secureload.errors import CacheError
from secureload.gateway.jobs import WorkerPool, finish
from secureload.gateway.problems import Unavailable
from secureload.gateway.queue import Queue
from secureload.gateway.work import Order, Outcome
from secureload.ledger import jobs, lease, postgres
from secureload.ledger.database import Database
from tests.servers.postgres import Postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with Postgres() as started:
        yield started


@pytest.fixture
def ledger(server: Postgres, tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "unused", tmp_path / "unused", server.database())
    yield made
    postgres.engine(made.url).dispose()


def order(name: str = "org/model", revision: str = "main") -> Order:
    return Order(
        kind="admit", policy="default", home="/h", upstream="http://hub", repository=name,
        revision=revision, token="hf_secret",
    )  # fmt: skip


def front(ledger: Database, most: int = 100) -> Queue:
    local = WorkerPool(ledger, workers=1, queue=1, seconds=60, sole=False)
    return Queue(ledger, local=local, queue=most)


def test_equal_orders_at_two_front_ends_are_one_job(ledger: Database, server: Postgres) -> None:
    async def ask() -> set[str]:
        fronts = front(ledger), front(ledger)
        for one in fronts:
            await one.start()
        asked = [fronts[n % 2].submit(order(), by=f"client-{n}") for n in range(20)]
        tickets = await asyncio.gather(*asked)
        other = await fronts[0].submit(order("org/other"), by="client")
        assert [(t.order.repository, t.place) for t in await fronts[1].running()] == [
            ("org/model", 1),
            ("org/other", 2),
        ]
        for one in fronts:
            await one.close()
        return {ticket.id for ticket in tickets} | {other.id}

    assert len(asyncio.run(ask())) == 2
    with server.connect(ledger.url) as connection:
        rows = connection.execute("SELECT args::text FROM procrastinate_jobs").fetchall()
        assert len(rows) == 2
        dumped = connection.execute("SELECT jobs::text FROM jobs").fetchall()
    assert "hf_secret" not in f"{rows}{dumped}"


def test_whoever_waits_hears_how_a_job_ended(ledger: Database) -> None:
    async def ask() -> tuple[Outcome | None, Outcome | None]:
        one, two = front(ledger), front(ledger)
        await one.start()
        await two.start()
        ticket = await one.submit(order(), by="client")
        before = await one.wait(ticket.id, 0.2)
        waiting = asyncio.create_task(two.wait(ticket.id, 30))
        await asyncio.sleep(0.2)
        with ledger.write() as session:
            finish(session, ticket.id, Outcome(state="refused", message="because"))
        after = await waiting
        await one.close()
        await two.close()
        return before.outcome, after.outcome

    before, after = asyncio.run(ask())
    assert before is None
    assert after is not None
    assert (after.state, after.message) == ("refused", "because")


def test_a_full_queue_turns_orders_away(ledger: Database) -> None:
    async def ask() -> None:
        one = front(ledger, most=1)
        await one.start()
        await one.submit(order(), by="client")
        await one.submit(order(), by="another")  # joins
        try:
            with pytest.raises(Unavailable, match="too many"):
                await one.submit(order("org/other"), by="client")
        finally:
            await one.close()

    asyncio.run(ask())
    with ledger.read() as session:
        assert [job.repository for job in jobs.recent(session)] == ["org/model"]


def test_the_fence_lets_only_the_holder_of_the_lease_through(
    ledger: Database, server: Postgres
) -> None:
    async def ask() -> None:
        one = front(ledger)
        await one.start()
        await one.submit(order(), by="client")
        await one.close()

    asyncio.run(ask())
    with server.connect(ledger.url) as connection:
        worker = connection.execute("SELECT procrastinate_register_worker_v1()").fetchone()
        assert worker is not None
        (job,) = connection.execute(
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s RETURNING id", worker
        ).fetchone() or (0,)
    mine: lease.Lease = (job, 0, worker[0])
    with ledger.write() as session:
        lease.demand(session, mine)
        for late in ((job, 1, worker[0]), (job, 0, worker[0] + 1), (job + 1, 0, worker[0])):
            with pytest.raises(CacheError, match="given to another"):
                lease.demand(session, late)
    with server.connect(ledger.url) as connection:
        connection.execute("UPDATE procrastinate_jobs SET status = 'todo', attempts = 1")
    with ledger.write() as session, pytest.raises(CacheError, match="given to another"):
        lease.demand(session, mine)
