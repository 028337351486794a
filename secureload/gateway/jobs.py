"""Jobs: orders taken once, worked off outside the event loop, and waited for.

`Jobs` is the seam: here a pool of worker processes of this machine, on larger installations
a queue. Orders with equal keys are one job, however many ask.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import msgspec

from secureload.gateway.aside import aside
from secureload.gateway.problems import Unavailable
from secureload.gateway.processes import GRACE, Processes, Running
from secureload.gateway.work import Order, Outcome
from secureload.ledger import jobs as records
from secureload.ledger.database import Database
from secureload.ledger.records import JobRecord

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """How a job stands. `place` is 0 once it runs, else how many are before it, from 1."""

    id: str
    order: Order
    requested_by: str
    created_at: str
    place: int
    stage: str = ""
    outcome: Outcome | None = None


class Jobs(Protocol):
    """Where work is done that must not be done in the event loop."""

    async def start(self) -> None:
        """Get ready; unfinished jobs of an earlier run are dealt with."""

    async def submit(self, order: Order, *, by: str) -> Ticket:
        """Take an order, or join the unfinished job with the same key.

        Raises:
            Unavailable: too many wait already.
        """

    async def wait(self, job_id: str, seconds: float) -> Ticket:
        """How a job stands once it has ended, or after so many seconds."""

    async def running(self) -> tuple[Ticket, ...]:
        """Unfinished jobs, first the running ones, then those that wait in their order."""

    async def ready(self) -> None:
        """See that work could be done now.

        Raises:
            SecureloadError: it could not.
        """

    async def close(self) -> None:
        """End what runs; nothing half done is left behind."""


@dataclass(kw_only=True)
class _Job:
    ticket: Ticket
    done: asyncio.Event = field(default_factory=asyncio.Event)
    running: Running = field(default_factory=Running)


class WorkerPool:
    """Jobs in processes of this machine, `workers` at once, one process a job.

    `sole` says that no other process has jobs in this ledger.
    """

    def __init__(
        self, ledger: Database, *, workers: int, queue: int, seconds: float, sole: bool = True
    ) -> None:
        self._ledger = ledger
        self._queue = queue
        self._sole = sole
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="job")
        self._slots = asyncio.Semaphore(workers)
        self._unfinished: dict[tuple[str, ...], _Job] = {}
        self._by_id: dict[str, _Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._processes = Processes(seconds)
        self._closed = False

    async def start(self) -> None:
        """See `Jobs.start`: what an earlier run left unfinished has failed."""
        if self._sole:
            why = "the service was stopped"
            await aside(self._write, lambda s: records.abandon(s, _now(), why))
        await aside(self._processes.warm)

    async def submit(self, order: Order, *, by: str) -> Ticket:
        """See `Jobs.submit`."""
        job = self._unfinished.get(order.key)
        if job is not None:
            return self._standing(job)
        if self._closed or len(self._unfinished) >= self._queue:
            raise Unavailable(
                "the service is ending" if self._closed else "too many admissions wait already",
                seconds=60,
            )
        ticket = Ticket(
            id=uuid.uuid4().hex,
            order=order,
            requested_by=by,
            created_at=_now(),
            place=1,
        )
        job = _Job(ticket=ticket)
        self._unfinished[order.key] = job  # before the first await: two must not get in
        self._by_id[ticket.id] = job
        task = asyncio.create_task(self._run(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return self._standing(job)

    async def wait(self, job_id: str, seconds: float) -> Ticket:
        """See `Jobs.wait`."""
        job = self._by_id[job_id]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await job.done.wait()
        return self._standing(job)

    async def running(self) -> tuple[Ticket, ...]:
        """See `Jobs.running`."""
        standing = [self._standing(job) for job in self._unfinished.values()]
        return tuple(sorted(standing, key=lambda ticket: ticket.place))

    async def ready(self) -> None:
        """See `Jobs.ready`: a process starts, and ends as it should."""
        await aside(self._processes.warm)

    async def close(self) -> None:
        """See `Jobs.close`."""
        self._closed = True
        for end in ("terminate", "kill"):
            for job in list(self._unfinished.values()):
                job.running.stop(end)
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=GRACE)
        self._threads.shutdown(wait=False, cancel_futures=True)

    # -- inside --------------------------------------------------------------------------

    def _standing(self, job: _Job) -> Ticket:
        waiting = [other for other in self._unfinished.values() if other.ticket.place]
        place = 1 + waiting.index(job) if job in waiting else 0
        return replace(job.ticket, place=place, stage=job.running.stage if not place else "")

    async def _run(self, job: _Job) -> None:
        ticket, outcome = job.ticket, Outcome(state="failed", message="the service was stopped")
        try:
            await aside(self._write, lambda s: records.add(s, record(ticket)))
            async with self._slots:
                job.ticket = replace(job.ticket, place=0)
                if not job.running.stopped:
                    await aside(self._write, lambda s: records.start(s, ticket.id, _now()))
                    loop = asyncio.get_running_loop()
                    outcome = await loop.run_in_executor(self._threads, self._work, job)
        except Exception as error:
            outcome = Outcome(
                state="failed", message=f"{type(error).__name__}: {error}", fault="internal"
            )
        finally:
            with contextlib.suppress(Exception):  # the outcome stands, written or not
                await aside(self._write, lambda s: finish(s, ticket.id, outcome))
            self._unfinished.pop(ticket.order.key, None)
            job.running.stage = ""
            job.ticket = replace(job.ticket, outcome=outcome)
            job.done.set()
        asyncio.get_running_loop().call_later(_KEPT, self._by_id.pop, ticket.id, None)

    def _work(self, job: _Job) -> Outcome:
        """Run one process and read what it says, in a thread of the pool."""
        return self._processes.run(job.ticket.order, job.running)

    def _write(self, action: Callable[[Session], None]) -> None:
        with self._ledger.write(durable=False) as session:
            action(session)


_KEPT = 30.0
"""Seconds for which the outcome of a job stays in memory, a report with it: whoever asked for it
waits already, and the ledger keeps it for others."""


def record(ticket: Ticket) -> JobRecord:
    """What the ledger says of a job that was asked for."""
    order = ticket.order
    return JobRecord(
        id=ticket.id,
        kind=order.kind,
        repository=order.repository,
        revision=order.revision,
        policy=order.policy,
        requested_by=ticket.requested_by,
        created_at=ticket.created_at,
    )


def finish(session: Session, job_id: str, outcome: Outcome) -> None:
    """Write down how a job ended."""
    document = msgspec.to_builtins(outcome)
    document.pop("text", None)  # a report may be large, and goes to whoever asked
    records.finish(session, job_id, outcome.state, document, _now(), commit=outcome.commit)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
