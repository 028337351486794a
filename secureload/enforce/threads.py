"""A thread that the gate starts does the gate's own work, and is not asked about it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from secureload.enforce import state
from secureload.enforce.divert import divert_in


def install() -> None:
    """Let a thread inherit whether it was started in our own work."""
    divert_in(threading.Thread, "start", _start)
    divert_in(threading.Thread, "_bootstrap_inner", _run)


def _start(original: Callable[..., Any]) -> Callable[..., Any]:
    def start(self: Any) -> None:
        self._secureload_inside = state.doing.inside
        original(self)

    return start


def _run(original: Callable[..., Any]) -> Callable[..., Any]:
    def _bootstrap_inner(self: Any) -> None:
        state.doing.inside = getattr(self, "_secureload_inside", 0)
        original(self)

    return _bootstrap_inner
