"""The job of scanning."""

from __future__ import annotations

import os
import sys

from scanner.engine import Options, examine, prepare
from scanner.frozen import dataclass
from scanner.walk import Found
from secureload.sandbox.job import BESIDE
from secureload.sandbox.limits import LIMITS
from secureload.sandbox.lockdown import Confines, Tier
from secureload.sandbox.wire import Channel


@dataclass(frozen=True, kw_only=True, slots=True)
class Scanning:
    """Examine files one after another, as they are asked for, below `readable`.

    What is unpacked lies in `scratch`; `largest` is the largest file's size in bytes.
    """

    options: Options
    readable: tuple[str, ...]
    scratch: str
    largest: int
    memory_bytes: int = LIMITS.memory_bytes
    highest: Tier = Tier.FULL

    @property
    def confines(self) -> Confines:
        """Read the files; write only what is unpacked."""
        expanded = self.options.limits.expanded_bytes
        return Confines(
            readable=self.readable,
            writable=(self.scratch,),
            memory_bytes=self.memory_bytes,
            mapped_bytes=2 * self.largest + expanded + BESIDE,
            file_bytes=expanded,
            cpu_seconds=LIMITS.cpu_seconds,
        )

    @classmethod
    def prepare(cls) -> None:
        """Import the scanner's common readers."""
        prepare(common=True)

    def work(self, channel: Channel) -> None:
        """Answer each `Found` with a `FileResult`."""
        unpack_to(self.scratch)
        while True:
            channel.send(examine(channel.receive(Found), self.options))


def unpack_to(scratch: str) -> None:
    """Let temporary files be made in `scratch`."""
    os.environ["TMPDIR"] = scratch
    if (tempfile := sys.modules.get("tempfile")) is not None:
        vars(tempfile)["tempdir"] = None  # found anew, from what was just set
