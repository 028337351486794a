"""One order, one process: started from a process that has nothing to hide, and listened to."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from secureload.errors import ToolError
from secureload.gateway import logs, work
from secureload.gateway.work import Order, Outcome
from secureload.learned import learned

GRACE = 5.0
"""Seconds that a worker told to end has for tidying up."""

_STARTS = 60.0
"""Seconds within which an idle process has started and ended, on a busy machine too."""

_OUTCOME_BYTES = 256 << 20
"""Longest outcome read from a worker: a report on very many files."""

_PRELOAD = [
    "secureload.gateway.work",
    "secureload.ledger.store",
    "secureload.ledger.recalls",
    "secureload.ledger.memory",
    "secureload.sources.hub",
    "huggingface_hub",
    "scanner.engine",
]
"""What every worker needs, imported once in the process that they are forked from."""


@dataclass(kw_only=True, slots=True, eq=False)
class Running:
    """What is known of one process while it works; `stop` may come from another thread."""

    process: Any = None
    stage: str = ""
    stopped: bool = False

    def stop(self, how: str = "terminate") -> None:
        """Tell it to end, or `kill` it."""
        self.stopped = True
        process = self.process
        if process is not None:
            with suppress(ValueError):  # it has ended in the meantime, and was closed
                getattr(process, how)()


class Processes:
    """Starts processes; `seconds` is when one is taken to hang."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._context = multiprocessing.get_context("forkserver")

    def warm(self) -> None:
        """Start the process that others are forked from, which takes a second, and try it.

        Raises:
            ToolError: processes do not start.
        """
        self._context.set_forkserver_preload(_PRELOAD)
        process = self._context.Process(target=_nothing)
        process.start()
        process.join(_STARTS)
        if process.exitcode != 0:
            process.kill()
            raise ToolError("worker processes do not start")

    def run(self, order: Order, running: Running) -> Outcome:
        """Run one process to its end, and give what it says."""
        reader, writer = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=work.main, args=(order, writer, logs.started()), daemon=False
        )
        process.start()
        writer.close()
        running.process = process
        try:
            if running.stopped:
                return Outcome(state="failed", message="the service was stopped")
            return self._listen(running, process, reader)
        finally:
            reader.close()
            _end(process)
            # How a job ended is remembered for a while; the pipes to its process need not be.
            running.process = None
            process.close()

    def _listen(self, running: Running, process: Any, reader: Any) -> Outcome:
        deadline = time.monotonic() + self._seconds
        while True:
            ready = multiprocessing.connection.wait(
                [reader], timeout=max(0.0, deadline - time.monotonic())
            )
            if not ready:
                return Outcome(
                    state="failed",
                    message=f"the worker was stopped after {self._seconds:.0f} s",
                    hint="raise the limit for jobs if models of this size are expected",
                    fault="internal",
                )
            try:
                said = msgspec.json.decode(reader.recv_bytes(_OUTCOME_BYTES))
            except (EOFError, OSError, msgspec.DecodeError):
                return self._crashed(running, process)
            if "outcome" in said:
                return msgspec.convert(said["outcome"], learned(Outcome))
            label, done, total = said["progress"]
            share = f" {100 * done // total} %" if total else ""
            running.stage = f"{label}{share}"

    def _crashed(self, running: Running, process: Any) -> Outcome:
        process.join(GRACE)
        if running.stopped:
            return Outcome(state="failed", message="the service was stopped", hint="ask again")
        code = process.exitcode
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return Outcome(
            state="failed",
            message=f"the worker process ended early ({how})",
            hint="nothing was admitted; if it stays, a file of the model may exhaust memory",
            fault="internal",
        )


def _nothing() -> None:
    """Give the server of processes something to do."""


def _end(process: Any) -> None:
    """See to it that a process is gone, after time to tidy up."""
    process.join(GRACE)
    if process.is_alive():
        process.kill()
        process.join()
