"""Who fetched what, written down off the hot path."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable

from secureload.gateway.aside import aside
from secureload.ledger import loads, plain
from secureload.ledger.database import Database

AGAIN = 600.0
"""Seconds within which one client's fetches of one admission are one load."""

_PENDING = 10_000
"""Most loads waiting to be written; a flood beyond is written as one client's."""

_REMEMBERED = 100_000


class Loads:
    """Notes loads, and writes them a moment later, many in one transaction."""

    def __init__(self, ledger: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._clock = clock
        self._seen: dict[tuple[str, str], float] = {}
        self._pending: list[tuple[str, str, str, str]] = []
        self._task: asyncio.Task[None] | None = None

    def note(self, admission: str, *, agent: str, client: str) -> None:
        """A client began to fetch the weights of an admission."""
        key, now = (admission, client), self._clock()
        if self._seen.get(key, -AGAIN) + AGAIN > now or len(self._pending) >= _PENDING:
            return
        if len(self._seen) > _REMEMBERED:
            self._seen.clear()
        self._seen[key] = now
        self._pending.append((admission, _library(agent), client, _now()))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_soon())

    async def close(self) -> None:
        """Write what is pending."""
        if self._task is not None:
            await self._task
        if self._pending:
            await aside(self._write, self._take())

    async def _write_soon(self) -> None:
        while self._pending:
            await asyncio.sleep(0.2)
            await aside(self._write, self._take())

    def _take(self) -> list[tuple[str, str, str, str]]:
        taken, self._pending = self._pending, []
        return taken

    def _write(self, taken: list[tuple[str, str, str, str]]) -> None:
        with self._ledger.write(durable=False) as session:
            rows = plain.of_session(session)
            for admission, library, client, at in taken:
                loads.record(rows, admission, "service", library, None, at, client=client)


def _library(agent: str) -> str:
    """The client's own words on what it is: `hf_hub/2.4.0; python/3.11; torch/2.13.0`."""
    return re.sub(r"[^\w./;+ -]", "", agent)[:200] or "unknown"


def _now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="microseconds")
