"""Workers for programs with threads: from a server of this process's own, started once.

A process with threads, libraries and secrets in its memory is not one to fork workers
from. Its server is a fresh interpreter that forks them in its place.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

from secureload.sandbox import server
from secureload.sandbox.job import Job
from secureload.sandbox.limits import LIMITS, Limits
from secureload.sandbox.worker import SandboxError, Worker

_HOME = Path(__file__).parent.parent.parent

_START = (
    "import sys; sys.path[:0] = sys.argv[2:3]; sys.path += sys.argv[3:]; "
    "from secureload.sandbox.server import main; main(int(sys.argv[1]))"
)


class Client:
    """A server, and the right to ask it for workers; safe to share between threads."""

    def __init__(self, start: str = _START) -> None:
        ours, theirs = socket.socketpair()
        more = [path for path in sys.path if path and Path(path).is_absolute()]
        command = [sys.executable, "-I", "-X", "utf8", "-c", start]
        command += [str(theirs.fileno()), str(_HOME), *more]
        try:
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # Numerical libraries start threads as they are imported, unless told not to.
                env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise SandboxError(
                f"the server of confined workers did not start: {error.strerror}",
                hint="`secureload doctor` shows what this machine offers",
            ) from error
        finally:
            theirs.close()
        self._control = ours
        self._lock = threading.Lock()
        self.owner = os.getpid()

    @property
    def alive(self) -> bool:
        """Whether it can be asked by this process."""
        return self.owner == os.getpid() and self._process.poll() is None

    def spawn(self, job: Job, *, limits: Limits = LIMITS) -> Worker:
        """Start a worker for a job.

        Raises:
            SandboxError: it could not be started.
        """
        ours, theirs = socket.socketpair()
        supervised, supervising = socket.socketpair()
        try:
            with self._lock:
                server.request(self._control, job, [theirs.fileno(), supervising.fileno()])
        except OSError as error:
            ours.close()
            supervised.close()
            raise SandboxError(
                "the server of confined workers is gone", hint="try again"
            ) from error
        finally:
            theirs.close()
            supervising.close()
        channel = ours.detach()
        return Worker(_Supervised(supervised, limits), channel, channel, limits=limits)

    def disown(self) -> None:
        """Forget the server in a forked child, whose it is not."""
        self._control.close()
        self._process.returncode = 0

    def close(self) -> None:
        """End the server and its workers."""
        self._control.close()
        if self.owner == os.getpid():
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


class _Supervised:
    """A child of the server's, seen through a socket: first its process id, then its end."""

    def __init__(self, held: socket.socket, limits: Limits) -> None:
        self._socket = held
        self._code: int | None = None
        self._ended = False
        held.settimeout(limits.start_seconds)
        self.pid = self._number() or -1

    def kill(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.sendall(b"k")

    def wait(self) -> int | None:
        if not self._ended:
            self._ended = True
            self._code = self._number()
            self._socket.close()
        return self._code

    def _number(self) -> int | None:
        held = b""
        with contextlib.suppress(OSError):
            while len(held) < 8:
                piece = self._socket.recv(8 - len(held))
                if not piece:
                    return None
                held += piece
            return int.from_bytes(held, "big", signed=True)
        return None


_client: Client | None = None
_starting = threading.Lock()


def serve() -> Client:
    """This process's server, started at the first call.

    Raises:
        SandboxError: it cannot be started.
    """
    global _client
    with _starting:
        if _client is None or not _client.alive:
            if _client is not None:
                _client.close()
            _client = Client()
        return _client


def _stop() -> None:
    global _client
    if _client is not None:
        _client.close()
        _client = None


def _forget() -> None:
    """In a forked child: the server is the parent's, and so is the lock's state."""
    global _client, _starting
    _starting = threading.Lock()
    if _client is not None:
        _client.disown()
        _client = None


atexit.register(_stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
