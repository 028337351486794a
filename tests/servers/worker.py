"""`secureload worker` as a process of its own, as a user starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.servers.service import ROOT


@dataclass(kw_only=True)
class WorkerProcess:
    """A worker with a home of its own, as on a machine of its own."""

    home: Path
    environment: Mapping[str, str]
    options: tuple[str, ...] = ()
    process: subprocess.Popen[str] | None = None

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
        with self._log_file.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "secureload.cli", "worker", *self.options],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                    "SECURELOAD_HOME": str(self.home),
                    **self.environment,
                },
            )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        if "working with" not in said:
            raise RuntimeError(f"the worker did not start: {said}{self.log()}")

    def stop(self) -> int:
        """End it as an operator would, and give its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def kill(self) -> None:
        """End it as the kernel does that runs out of memory: it says nothing to anybody."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def is_busy(self) -> bool:
        """Whether it has begun a job and not ended it."""
        assert self.process is not None
        ended = sum(map(self.log().count, ("ended job", "tried again", "given back")))
        return self.log().count("begun ") > ended

    def log(self) -> str:
        return self._log_file.read_text()

    @property
    def _log_file(self) -> Path:
        return self.home.with_suffix(".log")
