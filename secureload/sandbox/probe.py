"""What this machine offers for confinement: tried, not read off a version number."""

from __future__ import annotations

import os

from scanner.frozen import dataclass
from secureload.sandbox import landlock, seccomp
from secureload.sandbox.lockdown import Confines, Tier
from secureload.sandbox.wire import Channel


@dataclass(frozen=True, kw_only=True, slots=True)
class Mechanisms:
    """The tier that a worker reached just now, and what is there of each means.

    `landlock` is the kernel's version of it, 0 for none; `problem` says why no worker stood.
    """

    tier: Tier
    landlock: int
    seccomp: bool
    problem: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """What keeps this machine from full confinement, in words; empty when nothing does."""
        said = []
        if not hasattr(os, "fork"):
            said.append("this system forks no processes")
        if not self.landlock:
            said.append("the kernel has no Landlock (Linux 5.13 or newer, `lsm=landlock,...`)")
        if not self.seccomp:
            said.append("no seccomp filter for this kernel and processor")
        if self.problem:
            said.append(self.problem)
        return tuple(said)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Standing:
    """A job with nothing to do."""

    highest: Tier = Tier.FULL

    @property
    def confines(self) -> Confines:
        return Confines(memory_bytes=1 << 30, mapped_bytes=1 << 32, file_bytes=0, cpu_seconds=10)

    def work(self, channel: Channel) -> None:
        """Do nothing."""


def probe() -> Mechanisms:
    """Start a worker that does nothing, and say how closely it was confined."""
    from secureload.sandbox.worker import SandboxError, fork

    tier, problem = Tier.NONE, ""
    if hasattr(os, "fork"):
        try:
            worker = fork(_Standing())
            tier = worker.tier
            worker.close()
        except SandboxError as error:
            problem = error.message
    return Mechanisms(
        tier=tier, landlock=landlock.version(), seccomp=seccomp.available(), problem=problem
    )
