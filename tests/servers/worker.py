"""`secureload worker` as a process of its own, as a user starts it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.servers.loopback import begin, end


@dataclass(kw_only=True)
class WorkerProcess:
    """A worker with a home of its own, as on a machine of its own."""

    home: Path
    environment: Mapping[str, str]
    options: tuple[str, ...] = ()
    process: subprocess.Popen[str] | None = None
    port: int
    """Where it answers probes."""
    _started_at: int = 0
    """Where in its log the process of now begins."""

    def __enter__(self) -> WorkerProcess:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        self._started_at = self._log_file.stat().st_size if self._log_file.exists() else 0
        self.process = begin(
            "worker",
            *self._options(),
            home=self.home,
            log=self._log_file,
            environment=self.environment,
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        if "working with" not in said:
            raise RuntimeError(f"the worker did not start: {said}{self.log()}")

    def stop(self) -> int:
        """End it as an operator would, and give its exit code."""
        assert self.process is not None
        return end(self.process, frozen=True)

    def kill(self) -> None:
        """End it as the kernel does that runs out of memory: it says nothing to anybody."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def processes(self) -> list[int]:
        """Itself and all that it started, oldest first."""
        assert self.process is not None
        return descendants(self.process.pid)

    def freeze(self, *, whole: bool) -> None:
        """Stop it where it is: with all that it started, as a machine stops, or it alone."""
        assert self.process is not None
        for pid in self.processes() if whole else [self.process.pid]:
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on, with all that it started."""
        for pid in self.processes():
            os.kill(pid, signal.SIGCONT)

    def is_busy(self) -> bool:
        """Whether it has begun a job and not ended it."""
        said = self.log()[self._started_at :].rpartition("begins anew")[2]
        return said.count("begun ") > sum(
            map(said.count, ("ended job", "tried again", "given back"))
        )

    def log(self) -> str:
        return self._log_file.read_text()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _options(self) -> tuple[str, ...]:
        return ("--port", str(self.port), *self.options)

    @property
    def _log_file(self) -> Path:
        return self.home.with_suffix(".log")


def descendants(pid: int) -> list[int]:
    """A process and all below it, parents first."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += descendants(int(child))
    return found


def is_alive(pid: int) -> bool:
    """Whether a process may still do something."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"
