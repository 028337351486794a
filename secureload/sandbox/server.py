"""A small process that forks workers, so that each snapshot gets a fresh one in milliseconds.

It imports what workers need, reads nothing but its parent's requests, and has one thread,
an empty environment and no secrets: what a worker inherits is program code and nothing
else. It ends with its parent, and its workers with it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import selectors
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from types import FrameType

from scanner.engine import prepare
from scanner.quiet import starting_nothing
from secureload.sandbox import lockdown
from secureload.sandbox.conversions import FolderConversion, PathConversion, Proving
from secureload.sandbox.job import Job
from secureload.sandbox.jobs import Scanning
from secureload.sandbox.wire import LostError, decoded, encoded
from secureload.sandbox.worker import run

JOBS: Mapping[str, type[Job]] = {
    kind.__name__: kind for kind in (Scanning, FolderConversion, PathConversion, Proving)
}
"""All that a worker of a server can be asked to do."""

_SOON = ("secureload.convert.folder", "secureload.convert.making", "tempfile")
_LATER = ("h5py", "fickling.fickle", "msgpack", "yaml", "lzma", "bz2", "isal.isal_zlib", "ast")
"""Imported while nobody waits; a worker that comes earlier imports what it needs itself."""


def main(control: int) -> None:
    """Serve requests from the socket `control` until it closes."""
    server = Server(socket.socket(fileno=control))
    server.serve()


class Server:
    """The loop of the process: requests in, workers out, their ends reported."""

    def __init__(self, control: socket.socket, jobs: Mapping[str, type[Job]] = JOBS) -> None:
        self._control = control
        self._jobs = jobs
        self._events = selectors.DefaultSelector()
        self._watched: dict[int, socket.socket] = {}
        """The supervising socket of each living worker, by process id."""
        self._later = list(_LATER)

    def serve(self) -> None:
        """Fork a worker for each request; return when the parent is gone."""
        for name in _SOON:
            importlib.import_module(name)
        prepare()
        lockdown.prepare()
        gc.freeze()
        woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if sys.platform == "linux" else _pipe()
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _nothing)
        self._events.register(self._control, selectors.EVENT_READ, None)
        self._events.register(woken, selectors.EVENT_READ, None)
        try:
            while self._turn(woken):
                pass
        finally:
            for pid in self._watched:
                _kill(pid)

    def _turn(self, woken: int) -> bool:
        events = self._events.select(0 if self._later else None)
        if not events:
            with contextlib.suppress(ImportError), starting_nothing():
                importlib.import_module(self._later.pop(0))
            if not self._later:
                gc.freeze()
        for key, _ in events:
            if key.fd == woken:
                with contextlib.suppress(BlockingIOError):
                    os.read(woken, 4096)
                self._reap()
            elif key.fileobj is self._control:
                if not self._start():
                    return False
            elif key.data in self._watched:
                # The gate has let go of its end, or asked for the worker's.
                _kill(key.data)
                self._events.unregister(key.fileobj)
        return True

    def _start(self) -> bool:
        request = _request(self._control)
        if request is None:
            return False
        name, data, channel, supervisor = request
        job = decoded(data, self._jobs[name])
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            run(job, channel, channel)
        os.close(channel)
        held = socket.socket(fileno=supervisor)
        self._watched[pid] = held
        self._events.register(held, selectors.EVENT_READ, pid)
        with contextlib.suppress(OSError):
            held.sendall(pid.to_bytes(8, "big", signed=True))
        return True

    def _reap(self) -> None:
        while self._watched:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            held = self._watched.pop(pid)
            with contextlib.suppress(KeyError):
                self._events.unregister(held)
            code = os.waitstatus_to_exitcode(status)
            with contextlib.suppress(OSError):
                held.sendall(code.to_bytes(8, "big", signed=True))
            held.close()


def request(control: socket.socket, job: Job, descriptors: Sequence[int]) -> None:
    """Ask for a worker: its channel and its supervising socket go along.

    Raises:
        OSError: the server is gone.
    """
    data = encoded(job)
    name = type(job).__name__.encode("ascii")
    socket.send_fds(control, [b"\0"], descriptors)
    control.sendall(len(name).to_bytes(1, "big") + name + len(data).to_bytes(8, "big") + data)


def _request(control: socket.socket) -> tuple[str, bytes, int, int] | None:
    try:
        first, descriptors, _, _ = socket.recv_fds(control, 1, 2)
        if not first or len(descriptors) != 2:
            return None
        name = _exactly(control, _exactly(control, 1)[0])
        data = _exactly(control, int.from_bytes(_exactly(control, 8), "big"))
    except (OSError, LostError):
        return None
    return name.decode("ascii"), data, descriptors[0], descriptors[1]


def _exactly(control: socket.socket, count: int) -> bytes:
    pieces = []
    while count:
        piece = control.recv(min(count, 1 << 20))
        if not piece:
            raise LostError("it is gone")
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _pipe() -> tuple[int, int]:
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    return read, write


def _nothing(_signal: int, _frame: FrameType | None) -> None:
    """Receive a signal, so that it wakes the loop."""
