"""What a worker answers on a port of its own: `/livez`, `/readyz`, `/metrics`.

The words and the waiting are those of the service; the figures are this worker's alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

import uvicorn
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from secureload.gateway.health import Check, Health
from secureload.gateway.metrics import LONG
from secureload.gateway.sending import Receive, Scope, Send, send_bytes, send_json


class Figures:
    """What one worker does. Figures of all jobs together are the front ends' to give."""

    def __init__(self, workers: int) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        most = Gauge("secureload_worker_processes", "Jobs at once.", registry=self.registry)
        most.set(workers)
        self.running = Gauge(
            "secureload_worker_jobs_running", "Jobs begun and not ended.", registry=self.registry
        )
        self._ended = Counter(
            "secureload_worker_jobs",
            "Jobs of this worker by how they ended: also `retried` and `returned`.",
            ["kind", "state"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "secureload_worker_job_seconds",
            "Seconds of one job on this worker.",
            ["kind"],
            buckets=LONG,
            registry=self.registry,
        )

    def ended(self, kind: str, state: str, seconds: float) -> None:
        """Count a job that this worker has done with."""
        self._ended.labels(kind, state).inc()
        self._seconds.labels(kind).observe(seconds)


class Probes:
    """An ASGI application of three paths."""

    def __init__(self, figures: Figures, checks: Mapping[str, Check]) -> None:
        self._figures = figures
        self._health = Health(checks)
        self._paths: dict[str, Callable[[Send], Awaitable[None]]] = {
            "/livez": self._livez,
            "/readyz": self._readyz,
            "/metrics": self._metrics,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        path = self._paths.get(scope["path"])
        if path is None:
            await send_json(send, {"error": "there is nothing at this path"}, status=404)
        elif scope["method"] not in {"GET", "HEAD"}:
            await send_json(send, {"error": "read only"}, status=405, headers={"Allow": "GET"})
        else:
            await path(send)

    async def _livez(self, send: Send) -> None:
        await send_json(send, {"status": "ok"})

    async def _readyz(self, send: Send) -> None:
        parts = await self._health.parts()
        ready = set(parts.values()) == {"ok"}
        said = {"status": "ok" if ready else "not ready", "parts": parts}
        await send_json(send, said, status=200 if ready else 503)

    async def _metrics(self, send: Send) -> None:
        body = generate_latest(self._figures.registry)
        await send_bytes(send, body, [(b"content-type", CONTENT_TYPE_LATEST.encode())])


class _Server(uvicorn.Server):
    """uvicorn beside something else, whose signals are not its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def answering(probes: Probes, listening: socket.socket | None) -> AsyncIterator[None]:
    """Answer on a socket while the block runs; without one, not at all."""
    if listening is None:
        yield
        return
    config = uvicorn.Config(
        probes,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving
