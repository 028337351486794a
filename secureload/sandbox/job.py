"""What a worker may be asked to do, and what each worker says first.

A job is data from the gate, which is trusted. It says what its worker may reach, and does
its work there; what it sends back is not trusted.
"""

from __future__ import annotations

from typing import Protocol

from scanner.frozen import dataclass
from secureload.sandbox.lockdown import Confines, Tier
from secureload.sandbox.wire import Channel

BESIDE = 1 << 30
"""Bytes mapped beside what is read: libraries, buffers, stacks."""


class Job(Protocol):
    """Anything a worker can do."""

    @property
    def confines(self) -> Confines:
        """What its worker may reach."""

    @property
    def highest(self) -> Tier:
        """The tier not to go beyond; a kernel may give less."""

    def work(self, channel: Channel) -> None:
        """Do it, inside the worker."""


class EarlyJob(Job, Protocol):
    """A job whose worker can begin before it is known what is to be done."""

    @classmethod
    def prepare(cls) -> None:
        """Import what the work takes, before the worker is locked in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hello:
    """A worker's first word, before it reads an untrusted byte: the tier it reached."""

    tier: Tier
