"""A confined process, as the gate sees it: asked, watched, and let go.

A worker starts with one job, locks itself in before it reads an untrusted byte, and ends
with the job. Whatever it does after that is an answer of the right type, or the loss of
the worker with a reason.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from functools import partial
from typing import NoReturn, Protocol, TypeAlias, TypeVar

from secureload.errors import SecureloadError
from secureload.sandbox import lockdown
from secureload.sandbox.job import EarlyJob, Hello, Job
from secureload.sandbox.limits import LIMITS, Limits
from secureload.sandbox.lockdown import Tier, lock
from secureload.sandbox.wire import Channel, LostError

_T = TypeVar("_T")

_FAILED, _OUT_OF_MEMORY = 70, 71
"""Exit codes of a worker that an exception ended."""


class SandboxError(SecureloadError):
    """No confined worker could be started."""


class WorkerLostError(Exception):
    """The worker died, fell silent, grew or lied; `why` says which, for a person."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Process(Protocol):
    """A started process: ours, or one that a server started for us."""

    pid: int

    def kill(self) -> None:
        """End it at once; it may be gone already."""

    def wait(self) -> int | None:
        """Wait for its end and return its exit code, negative for a signal; None: unknown."""


class Worker:
    """A process that has locked itself in; `tier` says how far."""

    def __init__(
        self, process: Process, incoming: int, outgoing: int, *, limits: Limits = LIMITS
    ) -> None:
        self._process = process
        self._limits = limits
        self._channel = Channel(incoming, outgoing, most=limits.message_bytes)
        self.tier = Tier.NONE
        self.closed = False
        try:
            self.tier = self.receive(Hello, within=limits.start_seconds).tier
        except WorkerLostError as error:
            raise SandboxError(
                f"no confined worker could be started: {error.why}",
                hint="`secureload doctor` shows what this machine offers",
            ) from error

    def fileno(self) -> int:
        """The descriptor that is readable when the worker has spoken."""
        return self._channel.incoming

    def send(self, message: object) -> None:
        """Send a message.

        Raises:
            WorkerLostError: the worker is gone.
        """
        try:
            self._channel.send(message)
        except LostError as error:
            raise self._lost(str(error)) from error

    def receive(self, type_: type[_T], *, within: float) -> _T:
        """Wait up to `within` seconds for a message that is a `type_`.

        Raises:
            WorkerLostError: there is none; the worker is gone afterwards.
        """
        try:
            return self._channel.receive(type_, within=within, watch=self.watch)
        except LostError as error:
            raise self._lost(str(error)) from error

    def watch(self) -> None:
        """Look at what no limit of the kernel covers.

        Raises:
            LostError: there are too many threads.
        """
        with contextlib.suppress(OSError, ValueError, IndexError):
            threads = lockdown.threads_of(self._process.pid)
            if threads > self._limits.threads:
                raise LostError(f"it had {threads} threads")

    def give_up(self, why: str) -> WorkerLostError:
        """End the worker and return the error that says why."""
        return self._lost(why)

    def close(self) -> None:
        """End the worker, whatever it does."""
        if self.closed:
            return
        self.closed = True
        self._process.kill()
        self._process.wait()
        self._channel.close()

    def _lost(self, why: str) -> WorkerLostError:
        if self.closed:
            return WorkerLostError(why)
        self.closed = True
        gone = why == "it is gone"
        if not gone:
            self._process.kill()
        code = self._process.wait()
        self._channel.close()
        return WorkerLostError(_ending(code) if gone else why)


def _ending(code: int | None) -> str:
    if code is None:
        return "it is gone"
    if code == _OUT_OF_MEMORY:
        return "it wanted more memory than it may have"
    if code >= 0:
        return f"it ended with code {code}"
    if -code in (signal.SIGXCPU, signal.SIGKILL):
        return "it was killed, as for using up its time or the machine's memory"
    with contextlib.suppress(ValueError):
        return f"it was killed by {signal.Signals(-code).name}"
    return f"it was killed by signal {-code}"


Spawn: TypeAlias = Callable[[Job], Worker]


class _Child:
    """A child of this very process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def kill(self) -> None:
        if self._code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int | None:
        if self._code is None:
            try:
                self._code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            except ChildProcessError:  # somebody else waits for every child of this process
                return None
        return self._code


def fork(job: Job, *, limits: Limits = LIMITS) -> Worker:
    """Start a worker as a child of this process, which must have one thread.

    Raises:
        SandboxError: it could not be started.
    """
    child, incoming, outgoing = _early.take(job) or _fork(partial(run, job))
    return Worker(child, incoming, outgoing, limits=limits)


def _fork(be: Callable[[int, int], NoReturn]) -> tuple[_Child, int, int]:
    """Fork a child that is to be a worker; return it, and how to hear it and to speak to it."""
    incoming, answers = os.pipe()
    requests, outgoing = os.pipe()
    try:
        pid = os.fork()
    except OSError as error:
        for descriptor in (incoming, answers, requests, outgoing):
            os.close(descriptor)
        raise SandboxError(
            f"no confined worker could be started: {error.strerror}",
            hint="the machine or this user has too many processes",
        ) from error
    if pid == 0:
        be(requests, answers)
    os.close(requests)
    os.close(answers)
    return _Child(pid), incoming, outgoing


class _Early:
    """At most one worker that was begun before its job was known."""

    def __init__(self) -> None:
        self._begun: tuple[_Child, int, int] | None = None
        self._kind: type[EarlyJob] | None = None

    def begin(self, kind: type[EarlyJob]) -> None:
        if self._begun is None:
            with contextlib.suppress(SandboxError):  # whoever needs one says so
                self._begun, self._kind = _fork(partial(_await, kind)), kind

    def take(self, job: Job) -> tuple[_Child, int, int] | None:
        """Give the worker its job; None where there is none, or none for such a job."""
        if self._begun is None or type(job) is not self._kind:
            return None
        begun, self._begun = self._begun, None
        with contextlib.suppress(LostError):  # then the worker's end is told by whoever listens
            Channel(begun[1], begun[2]).send(job)
        return begun

    def end(self) -> None:
        begun, self._begun = self._begun, None
        if begun is not None:
            child, incoming, outgoing = begun
            child.kill()
            child.wait()
            os.close(incoming)
            os.close(outgoing)


_early = _Early()


def begin(kind: type[EarlyJob]) -> None:
    """Begin a worker that prepares for a kind of job while this process finds out which it is.

    The next `fork` for such a job gives it to this worker; `end` ends it where there was none.
    This process must have one thread.
    """
    _early.begin(kind)


def end() -> None:
    """End the worker that was begun, if it was given no job."""
    _early.end()


def _await(kind: type[EarlyJob], incoming: int, outgoing: int) -> NoReturn:
    """Be a worker that was begun early: import what is ours, then take a job and do it.

    It reads nothing but what its parent sends, and ends with its parent. Never returns.
    """
    code = _FAILED
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        lockdown.close_all_but(frozenset((incoming, outgoing)))
        lockdown.prepare()
        kind.prepare()
        run(Channel(incoming, outgoing).receive(kind), incoming, outgoing)
    except LostError:
        code = 0
    finally:
        os._exit(code)


def run(job: Job, incoming: int, outgoing: int) -> NoReturn:
    """Be the worker: lock this process in, do the job, and end. Never returns."""
    code = _FAILED
    try:
        # An interrupt from the terminal is the gate's to answer; it ends its workers.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        tier = lock(job.confines, [incoming, outgoing], highest=job.highest)
        channel = Channel(incoming, outgoing)
        channel.send(Hello(tier=tier))
        job.work(channel)
        code = 0
    except LostError:
        code = 0
    except MemoryError:
        code = _OUT_OF_MEMORY
    finally:
        os._exit(code)
