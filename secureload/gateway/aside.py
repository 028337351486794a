"""Run what blocks (the ledger, the disk, the hub) beside the event loop."""

from __future__ import annotations

import functools
from collections.abc import Callable
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
