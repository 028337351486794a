"""Stand-ins for a parser that its input has taken over: code of the test's, run in a worker.

Only a test can ask for this: a job is a Python object here, and a server knows none such.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from scanner import frozen
from secureload.sandbox.limits import LIMITS, Limits
from secureload.sandbox.lockdown import Confines, Tier
from secureload.sandbox.wire import Channel
from secureload.sandbox.worker import Worker, _Child, run

NOBODY = 65534


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """A job that does `act` once it is locked in."""

    act: Callable[[Channel], None]
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    memory_bytes: int = 1 << 30
    file_bytes: int = 1 << 20
    cpu_seconds: int = 60
    highest: Tier = Tier.FULL

    @property
    def confines(self) -> Confines:
        return Confines(
            readable=self.readable,
            writable=self.writable,
            memory_bytes=self.memory_bytes,
            mapped_bytes=8 << 30,
            file_bytes=self.file_bytes,
            cpu_seconds=self.cpu_seconds,
        )

    def work(self, channel: Channel) -> None:
        self.act(channel)


@frozen.dataclass(frozen=True, kw_only=True)
class Reached:
    """What a hostile act came to: whether it got through, and what it saw."""

    through: bool
    saw: str = field(default="")


def attempt(act: Callable[[], object]) -> Callable[[Channel], None]:
    """An act whose outcome is told: through, or which error stopped it."""

    def told(channel: Channel) -> None:
        try:
            saw = act()
        except (OSError, MemoryError, RuntimeError) as error:
            channel.send(Reached(through=False, saw=repr(error)))
        else:
            channel.send(Reached(through=True, saw=repr(saw)[:200]))

    return told


def start(job: Hostile, *, user: int = 0, limits: Limits = LIMITS) -> Worker:
    """Fork a worker that becomes `user` before it locks itself in."""
    incoming, answers = os.pipe()
    requests, outgoing = os.pipe()
    pid = os.fork()
    if pid == 0:
        if user:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
        run(job, requests, answers)
    os.close(requests)
    os.close(answers)
    return Worker(_Child(pid), incoming, outgoing, limits=limits)


def outcome(job: Hostile, *, user: int = 0) -> Reached:
    """Run an act in a worker and return what it came to; the worker is gone afterwards."""
    worker = start(job, user=user)
    try:
        return worker.receive(Reached, within=60)
    finally:
        worker.close()
