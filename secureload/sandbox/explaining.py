"""The job behind `secureload explain`: every pickle of one file as a program, and its scan."""

from __future__ import annotations

import os
from pathlib import Path

from scanner import FileResult
from scanner.engine import Options, examine
from scanner.explain import Program, explain
from scanner.frozen import dataclass
from scanner.walk import Found
from secureload.sandbox.jobs import Scanning, unpack_to
from secureload.sandbox.limits import LIMITS
from secureload.sandbox.lockdown import Confines, Tier
from secureload.sandbox.wire import Channel


@dataclass(frozen=True, kw_only=True, slots=True)
class Explained:
    """What a file's pickles would do, and what the scanner says of it."""

    programs: tuple[Program, ...]
    result: FileResult


@dataclass(frozen=True, kw_only=True, slots=True)
class Explaining:
    """Explain the pickles of one file, up to `most` steps each, and scan it."""

    file: str
    most: int
    options: Options
    scratch: str
    size: int
    memory_bytes: int = LIMITS.memory_bytes
    highest: Tier = Tier.FULL

    @property
    def confines(self) -> Confines:
        """Read the file and its folder; write only what is unpacked."""
        folder = str(Path(self.file).parent)
        return Scanning(
            options=self.options,
            readable=(folder, os.path.realpath(self.file)),
            scratch=self.scratch,
            largest=self.size,
            memory_bytes=self.memory_bytes,
        ).confines

    def explained(self) -> Explained:
        """Do it in this process."""
        options = self.options
        programs = explain(
            self.file, most=self.most, profiles=options.profiles, allow=options.allow
        )
        found = Found(Path(self.file).name, self.file, "file")
        return Explained(programs=tuple(programs), result=examine(found, options))

    def work(self, channel: Channel) -> None:
        """Say it in one word."""
        unpack_to(self.scratch)
        channel.send(self.explained())
