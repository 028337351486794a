"""Run what blocks (the ledger, the disk, the hub) beside the event loop."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import anyio
import anyio.to_thread

_T = TypeVar("_T")

THREADS = 40
"""Blocking calls at once; more wait their turn."""


async def aside(function: Callable[..., _T], *arguments: Any, **named: Any) -> _T:
    """Call `function` in a thread and give what it gives."""
    call = functools.partial(function, *arguments, **named)
    return await anyio.to_thread.run_sync(call, abandon_on_cancel=False)


class Once:
    """Calls beside the event loop that many wait for, each made once.

    Nobody who goes away ends one for the others.
    """

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[Any]] = {}

    async def aside(self, key: Hashable, function: Callable[..., _T], *arguments: Any) -> _T:
        """Call `function`, or wait for the call with this key that is under way."""
        task: asyncio.Task[_T] | None = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(aside(function, *arguments))
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return await asyncio.shield(task)


async def apart(function: Callable[[], None]) -> None:
    """Call what may hang, in a thread of a few set apart: it is left alone once nobody waits."""
    limiter = _limiter(id(asyncio.get_running_loop()))
    await anyio.to_thread.run_sync(function, abandon_on_cancel=True, limiter=limiter)


@functools.cache
def _limiter(_loop: int) -> anyio.CapacityLimiter:
    return anyio.CapacityLimiter(8)
