"""Jobs on a queue in PostgreSQL, worked off by `secureload worker` on any machine.

`Queue` is `Jobs` for front ends that share a ledger: it keeps nothing that another one does
not see. Procrastinate gives jobs to workers; the ledger's row tells how each one stands.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from secureload.errors import CacheError, SecureloadError
from secureload.gateway.aside import aside
from secureload.gateway.jobs import Ticket, WorkerPool, finish, record
from secureload.gateway.problems import Unavailable
from secureload.gateway.work import Order, Outcome
from secureload.learned import learned
from secureload.ledger import jobs as records
from secureload.ledger import lease, postgres
from secureload.ledger.database import Database
from secureload.ledger.records import JobRecord

TASK = "secureload.order"
QUEUE = "secureload"

_LOOK = 0.1
"""Seconds between two looks at the jobs that requests wait for: one query for all of them."""

_SHOWN = 1_000
"""Most unfinished jobs that are listed."""


class Queue:
    """Jobs for every front end of an installation.

    Uploads to scan lie on this machine, so those are worked off here, by `local`.
    """

    def __init__(self, ledger: Database, *, local: WorkerPool, queue: int) -> None:
        from procrastinate import App, SyncPsycopgConnector

        self._ledger = ledger
        self._local = local
        self._most = queue
        self._scans: set[str] = set()
        self._app = App(connector=SyncPsycopgConnector(conninfo=postgres.conninfo(ledger.url)))
        self._waiting: dict[str, set[asyncio.Future[JobRecord]]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """See `Jobs.start`: other front ends and workers go on as they were."""
        await self._local.start()
        await aside(self._open)

    async def submit(self, order: Order, *, by: str) -> Ticket:
        """See `Jobs.submit`; the token of whoever asks stays on this machine."""
        if order.kind == "scan":
            ticket = await self._local.submit(order, by=by)
            self._scans.add(ticket.id)
            return ticket
        return await aside(self._submit, replace(order, token="", home=""), by)

    async def wait(self, job_id: str, seconds: float) -> Ticket:
        """See `Jobs.wait`."""
        if job_id in self._scans:
            self._scans.discard(job_id)
            return await self._local.wait(job_id, seconds)
        ended: asyncio.Future[JobRecord] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(job_id, set()).add(ended)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            async with asyncio.timeout(seconds):
                return _ended(await ended)
        except TimeoutError:
            return await aside(self._standing, job_id)
        finally:
            waiting = self._waiting.get(job_id, set())
            waiting.discard(ended)
            if not waiting:
                self._waiting.pop(job_id, None)

    async def running(self) -> tuple[Ticket, ...]:
        """See `Jobs.running`: of all front ends."""
        return (*await aside(self._unfinished), *await self._local.running())

    async def ready(self) -> None:
        """See `Jobs.ready`: the queue can be read, and scans can be done."""
        await aside(self._unfinished)
        await self._local.ready()

    async def close(self) -> None:
        """See `Jobs.close`: what workers do goes on without this front end."""
        if self._looking is not None:
            self._looking.cancel()
        await self._local.close()
        with contextlib.suppress(Exception):
            await aside(self._app.close)

    # -- inside --------------------------------------------------------------------------

    def _open(self) -> None:
        self._app.open()
        install(self._ledger, self._app)

    def _submit(self, order: Order, by: str) -> Ticket:
        key = hashlib.sha256("\0".join(order.key).encode("utf-8", "surrogateescape")).hexdigest()
        try:
            # The transaction holds the ledger's lock, so no other front end is in here, and no
            # worker begins before the ledger knows of the job.
            with self._ledger.write() as session:
                known = lease.same(session, key)
                if known is not None:
                    return _ticket(known, place=1)
                waiting = lease.waiting(session)
                if waiting >= self._most:
                    raise Unavailable("too many admissions wait already", seconds=60)
                ticket = Ticket(
                    id=uuid.uuid4().hex,
                    order=order,
                    requested_by=by,
                    created_at=_now(),
                    place=waiting + 1,
                )
                records.add(session, record(ticket))
                self._app.configure_task(TASK, queue=QUEUE, lock=key, queueing_lock=key).defer(
                    **_asked(ticket)
                )
                return ticket
        except (Unavailable, SecureloadError):
            raise
        except Exception as error:  # the queue's own kinds
            raise CacheError(
                f"the queue cannot be written: {type(error).__name__}", hint="try again"
            ) from error

    def _unfinished(self) -> tuple[Ticket, ...]:
        with self._ledger.read() as session:
            found = lease.unfinished(session, _SHOWN)
        tickets, place = [], 0
        for asked, runs in found:
            place += not runs
            tickets.append(_ticket(asked, place=0 if runs else place))
        return tuple(tickets)

    def _standing(self, job_id: str) -> Ticket:
        for ticket in self._unfinished():
            if ticket.id == job_id:
                return ticket
        with self._ledger.read() as session:
            found = records.get(session, job_id)
        if found is None:
            raise CacheError(f"the ledger has no job {job_id}", hint="ask again")
        return _ended(found)

    async def _look(self) -> None:
        """Tell those who wait, as long as there are any; a server that is away is waited for."""
        while self._waiting:
            with contextlib.suppress(CacheError):
                for found in await aside(self._finished, tuple(self._waiting)):
                    for future in self._waiting.get(found.id, ()):
                        if not future.done():
                            future.set_result(found)
            await asyncio.sleep(_LOOK)

    def _finished(self, ids: tuple[str, ...]) -> tuple[JobRecord, ...]:
        with self._ledger.read() as session:
            return records.finished(session, ids)


def install(ledger: Database, app: Any) -> None:
    """Make the queue's tables beside the ledger's, if they are not there.

    Raises:
        CacheError: the server cannot be reached, or refused.
    """
    ledger.create()
    with ledger.alone("queue"):
        with ledger.read() as session:
            there = lease.is_there(session)
        if not there:
            app.schema_manager.apply_schema()


def order_of(asked: Mapping[str, Any]) -> Order:
    """The order that a job on the queue is about."""
    return msgspec.convert(asked["order"], learned(Order))


def _asked(ticket: Ticket) -> dict[str, Any]:
    order = {name: value for name, value in asdict(ticket.order).items() if name != "token"}
    return {"job": ticket.id, "order": order, "by": ticket.requested_by, "at": ticket.created_at}


def _ticket(asked: Mapping[str, Any], *, place: int) -> Ticket:
    return Ticket(
        id=asked["job"],
        order=order_of(asked),
        requested_by=asked["by"],
        created_at=asked["at"],
        place=place,
    )


def _ended(found: JobRecord) -> Ticket:
    order = Order(
        kind=found.kind,  # type: ignore[arg-type]
        policy=found.policy,
        home="",
        upstream="",
        repository=found.repository,
        revision=found.revision,
    )
    outcome = None
    if found.state not in records.UNFINISHED:
        outcome = msgspec.convert({**found.outcome, "state": found.state}, learned(Outcome))
    return Ticket(
        id=found.id,
        order=order,
        requested_by=found.requested_by,
        created_at=found.created_at,
        place=0,
        outcome=outcome,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


__all__ = ["QUEUE", "TASK", "Queue", "finish", "install", "order_of"]
