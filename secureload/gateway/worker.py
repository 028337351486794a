"""`secureload worker`: takes orders from the queue and works them off on this machine.

A worker holds a lease on what it does, renewed by its heartbeat. One that was away for longer
loses it: the job is given to another worker, and whatever the late one still tries, the fence
in the publishing transaction (`ledger.lease`) lets none of it through.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from secureload.cache.layout import Layout
from secureload.cache.objects import Objects
from secureload.errors import CacheError
from secureload.gateway import health, memory, probes
from secureload.gateway.aside import apart, aside
from secureload.gateway.jobs import finish
from secureload.gateway.processes import GRACE, Processes, Running
from secureload.gateway.queue import QUEUE, TASK, install, order_of
from secureload.gateway.work import Order, Outcome
from secureload.ledger import jobs as records
from secureload.ledger import lease, postgres
from secureload.ledger.database import Database
from secureload.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_LOG = logging.getLogger("secureload.worker")

TRIES = 5
"""How often a job is begun, accidents and dead workers together, before it has failed."""

_ACCIDENTS = frozenset({"unavailable", "internal"})
"""Faults after which a second try may go better; a refusal is no fault."""

_PATIENCE = 120.0
"""Seconds for which a worker tries to write down how a job ended."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """How one worker is set up. Times are in seconds."""

    settings: Settings
    token: str
    """What this machine fetches with."""
    workers: int = 2
    lease: float = 30.0
    """How long a worker may be silent before its jobs are given to others."""
    grace: float = 30.0
    """How long a worker told to end goes on with what it has begun."""
    job_seconds: float = 6 * 3_600.0


class Accident(Exception):  # noqa: N818
    """A job ended so that it should be tried again; the queue sees no more of it than this."""


class Worker:
    """One process that works; `run` ends when it is told to."""

    def __init__(self, setup: Setup, listening: socket.socket | None = None) -> None:
        self._setup = setup
        self._listening = listening
        self._figures = probes.Figures(setup.workers)
        home = setup.settings.home
        url = setup.settings.database
        self._ledger = Database(home / "secureload.db", home / "locks" / "ledger.lock", url)
        self._processes = Processes(setup.job_seconds)
        self._running: set[Running] = set()
        self._ending = asyncio.Event()

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT; a server that is away is waited for."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._ending.set)
        await aside(self._processes.warm)
        async with probes.answering(probes.Probes(self._figures, self._checks()), self._listening):
            while not self._ending.is_set():
                try:
                    await self._work()
                except Exception as error:  # the queue's own kinds: the server is away, above all
                    _LOG.warning("the queue cannot be reached: %s", type(error).__name__)
                    await self._pause(1.0)

    # -- inside --------------------------------------------------------------------------

    def _checks(self) -> dict[str, health.Check]:
        objects = Objects(self._setup.settings.storage)
        return {
            "database": lambda: apart(lambda: health.read(self._ledger)),
            "store": lambda: apart(lambda: objects.answers(takes=True)),
            "workers": lambda: apart(self._processes.warm),
        }

    async def _work(self) -> None:
        from procrastinate import App, PsycopgConnector, SyncPsycopgConnector

        address = postgres.conninfo(self._setup.settings.database)
        with App(connector=SyncPsycopgConnector(conninfo=address)).open() as installing:
            await aside(install, self._ledger, installing)
        app = App(connector=PsycopgConnector(conninfo=address))
        app.task(name=TASK, queue=QUEUE, pass_context=True, retry=_retries())(self._order)
        async with app.open_async():
            setup = self._setup
            working = asyncio.create_task(
                app.run_worker_async(
                    queues=[QUEUE],
                    concurrency=setup.workers,
                    install_signal_handlers=False,
                    shutdown_graceful_timeout=setup.grace,
                    fetch_job_polling_interval=min(5.0, setup.lease / 2),
                    update_heartbeat_interval=setup.lease / 3,
                    stalled_worker_timeout=setup.lease,
                    delete_jobs="successful",
                )
            )
            sweeping = asyncio.create_task(self._sweep(app))
            ending = asyncio.create_task(self._ending.wait())
            try:
                await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
                if not working.done():
                    working.cancel()  # the queue's way to say: end, but in peace
                with_end = await asyncio.gather(working, return_exceptions=True)
                failed = [e for e in with_end if isinstance(e, Exception)]
                if failed:
                    raise failed[0]
            finally:
                sweeping.cancel()
                ending.cancel()

    async def _order(self, context: Any, /, **asked: Any) -> None:
        """One job from the queue: what ends it, by whatever way, is written down."""
        job_id, mine, begun = str(asked["job"]), _lease_of(context), time.monotonic()
        kind, state = "other", "returned"
        self._figures.running.inc()
        try:
            kind = order_of(asked).kind
            state = await self._ordered(context, asked, job_id, mine)
        except Accident:
            state = "retried"
            raise
        finally:
            self._figures.running.dec()
            self._figures.ended(kind, state, time.monotonic() - begun)

    async def _ordered(
        self, context: Any, asked: dict[str, Any], job_id: str, mine: lease.Lease
    ) -> str:
        try:
            order = replace(
                order_of(asked),
                home=str(self._setup.settings.home),
                token=self._setup.token,
                lease=mine,
            )
            await self._write(mine, lambda session: records.start(session, job_id, _now()))
            outcome = await self._perform(order, mine)
        except Exception as error:
            outcome = Outcome(
                state="failed", message=f"{type(error).__name__}: {error}", fault="internal"
            )
        tried = context.job.attempts + 1
        if outcome.state == "failed" and outcome.fault in _ACCIDENTS and tried < TRIES:
            await self._write(mine, lambda _session: None)
            _LOG.warning("tried again, job %s: %s", job_id, outcome.message)
            raise Accident(outcome.fault)
        await self._write(mine, lambda session: finish(session, job_id, outcome))
        _LOG.info("ended job %s: %s", job_id, outcome.state)
        return outcome.state

    async def _perform(self, order: Order, mine: lease.Lease) -> Outcome:
        """A process that does it, watched for as long as the lease holds."""
        running = Running()
        self._running.add(running)
        _LOG.info("begun %s of %s@%s", order.kind, order.repository, order.revision)
        working = asyncio.ensure_future(asyncio.to_thread(self._processes.run, order, running))
        try:
            while not working.done():
                await asyncio.wait({working}, timeout=self._setup.lease / 3)
                if not working.done():
                    await self._still(mine)
            return working.result()
        except asyncio.CancelledError:
            running.stop()
            if not (await asyncio.wait({working}, timeout=GRACE))[0]:
                running.stop("kill")
            await asyncio.wait({working})
            _LOG.info("given back %s@%s", order.repository, order.revision)
            raise
        finally:
            self._running.discard(running)

    async def _still(self, mine: lease.Lease) -> None:
        """End this process if its lease is gone; a server that is away says nothing of it."""

        def held() -> bool:
            with self._ledger.read() as session:
                return lease.is_doing(session, mine)

        try:
            if not await aside(held):
                self._lost()
        except CacheError:
            pass

    async def _write(self, mine: lease.Lease, action: Callable[[Session], None]) -> None:
        """Write to the ledger while the lease holds, trying for a while."""

        def write() -> bool:
            with self._ledger.write() as session:
                held = lease.is_held(session, mine)
                if held:
                    action(session)
                return held

        async with asyncio.timeout(_PATIENCE):
            while True:
                try:
                    if not await aside(write):
                        self._lost()
                    return
                except CacheError as error:
                    _LOG.warning("%s", error.message)
                    await asyncio.sleep(0.5)

    def _lost(self) -> NoReturn:
        """Begin anew as a fresh process: the queue takes this one's word for its old jobs.

        The lease is one worker's on all its jobs, so all of them are gone with it.
        """
        _LOG.warning("this worker was away for too long; it begins anew")
        for running in self._running:
            running.stop("kill")
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])

    async def _sweep(self, app: Any) -> None:
        """Give the jobs of workers that fell silent to others."""
        while True:
            await self._pause(self._setup.lease / 3)
            try:
                alone = self._ledger.alone("sweep")
                await aside(alone.__enter__)
                try:
                    silent = self._setup.lease
                    stalled = await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=silent)
                    await self._give_back(app, stalled)
                finally:
                    await aside(alone.__exit__, None, None, None)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # the server is away: the next sweep finds it again
                _LOG.warning("no sweep: %s", type(error).__name__)

    async def _give_back(self, app: Any, stalled: Iterable[Any]) -> None:
        from procrastinate.jobs import Status

        for job in stalled:
            if job.attempts + 1 < TRIES:
                _LOG.warning("job %s is given to another worker", job.id)
                await app.job_manager.retry_job(job)
                continue
            outcome = Outcome(
                state="failed",
                message=f"{TRIES} workers ended while they had this job",
                hint="a file of the model may exhaust memory",
                fault="internal",
            )

            def give_up(job_id: str = job.task_kwargs["job"], why: Outcome = outcome) -> None:
                with self._ledger.write() as session:
                    finish(session, job_id, why)

            await aside(give_up)
            await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=False)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._ending.wait()
        except TimeoutError:
            pass


def _retries() -> Any:
    from procrastinate import RetryStrategy

    # Cancelled is a job whose worker was told to end: another one takes it at once.
    return RetryStrategy(
        max_attempts=TRIES,
        wait=1,
        retry_exceptions=(Accident, asyncio.CancelledError),  # type: ignore[arg-type]
    )


def _lease_of(context: Any) -> lease.Lease:
    job = context.job
    return int(job.id), int(job.attempts), int(job.worker_id)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def main(setup: Setup, listening: socket.socket | None = None) -> None:
    """Run a worker in this process, and answer probes on a socket if there is one."""
    Layout(setup.settings.home).create()
    memory.settle()
    asyncio.run(Worker(setup, listening).run())
