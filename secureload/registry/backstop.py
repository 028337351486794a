"""Forbid unpickling, connections and process starts in the threads that build a model.

A tripwire, not a sandbox: the folder a model is built from holds nothing that should want
any of these, so the first attempt is stopped before it happens. It rests on CPython's audit
events (PEP 578), which are raised before the act and cannot be switched off. Code inside
native libraries raises none.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import os
import sys
import threading
import weakref
from collections.abc import Iterator
from types import FrameType
from typing import Any

from secureload.errors import SecureloadError

_log = logging.getLogger(__name__)

_UNPICKLING = frozenset({"pickle.find_class"})
_NETWORK = frozenset(
    {
        *("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"),
        *("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"),
    }
)
_PROCESSES = frozenset(
    {
        *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"),
        *("os.fork", "os.forkpty", "os.startfile", "pty.spawn"),
    }
)
_WATCHED = _UNPICKLING | _NETWORK | _PROCESSES

_TOOLCHAINS = ("triton", "torch._inductor", "torch.utils.cpp_extension")
"""Packages that call a compiler; what they compile is theirs, not the model's."""

_ENVIRONMENT = {
    "DISABLE_SAFETENSORS_CONVERSION": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_OFFLINE": "1",
    "TORCH_FORCE_WEIGHTS_ONLY_LOAD": "1",
    "USE_HUB_KERNELS": "NO",
}


class BackstopError(SecureloadError, PermissionError):
    """Building a model tried something that no admitted model needs; it was stopped."""


class _Guard:
    """One guarded stretch of one thread, with the threads that were started in it."""

    def __init__(self) -> None:
        self.threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
        self.threads.add(threading.current_thread())


_guards: list[_Guard] = []
_lock = threading.RLock()
_installed = False
_saved: dict[str, str | None] = {}


@contextlib.contextmanager
def guard() -> Iterator[None]:
    """Forbid the watched acts in this thread, and in those it starts, until the end.

    Meanwhile the environment also tells the libraries to stay offline and to load weights
    only. Other threads keep their freedom.

    Raises:
        BackstopError: from within, at the forbidden act.
    """
    own = _Guard()
    _enter(own)
    try:
        yield
    finally:
        _leave(own)


def _enter(own: _Guard) -> None:
    global _installed
    with _lock:
        if not _installed:
            sys.addaudithook(_hook)
            _follow_threads()
            _watch_spawning()
            _installed = True
        if not _guards:
            # It keeps what it reads at its import, and other threads may be online.
            importlib.import_module("huggingface_hub.constants")
            for name, value in _ENVIRONMENT.items():
                _saved[name] = os.environ.get(name)
                os.environ[name] = value
        _guards.append(own)


def _leave(own: _Guard) -> None:
    with _lock:
        _guards.remove(own)
        if not _guards:
            _restore()


def _restore() -> None:
    """Set the environment back to what it was before the first guard."""
    for name, value in _saved.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    _saved.clear()


def _forked() -> None:
    """In a forked child: the guards of other threads are over, for those threads are not there."""
    global _lock
    _lock = threading.RLock()
    _guards[:] = _guards_here()
    if not _guards:
        _restore()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _follow_threads() -> None:
    """Let a thread inherit the guards of the thread that starts it.

    A context variable would not do: until Python 3.14 a new thread starts with an empty
    context, and only from 3.12 on is the start an audit event.
    """
    start = threading.Thread.start

    @functools.wraps(start)
    def followed(self: threading.Thread) -> None:
        if _guards:
            for own in _guards_here():
                own.threads.add(self)
        start(self)

    threading.Thread.start = followed  # type: ignore[method-assign]


def _watch_spawning() -> None:
    """Stop `fork_exec` as well, which `multiprocessing` calls without an audit event."""
    try:
        module = importlib.import_module("_posixsubprocess")
    except ImportError:
        return
    call = module.fork_exec

    @functools.wraps(call)
    def watched(*args: Any) -> Any:
        if _guards:
            _hook("subprocess.Popen", args)
        return call(*args)

    vars(module)["fork_exec"] = watched


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if not _guards:
        return
    if event not in _WATCHED or not _guards_here():
        return
    if event not in _NETWORK and _excused(event, sys._getframe(1)):
        return
    act = _act(event, args)
    _log.warning("stopped while building a model: %s", act)
    raise BackstopError(
        f"building the model tried to {act}; it was stopped",
        hint="no admitted model needs this; please report the model and the class",
    )


def _guards_here() -> list[_Guard]:
    thread = threading.current_thread()
    return [own for own in tuple(_guards) if thread in own.threads]


def _excused(event: str, frame: FrameType | None) -> bool:
    """Tell whether an installed package does this while it is imported, or to compile."""
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>" and (
            frame.f_code.co_name in {"_load_unlocked", "_call_with_frames_removed"}
        ):
            return True
        module = frame.f_globals.get("__name__")
        if event in _PROCESSES and isinstance(module, str):
            package = module.partition(".")[0]
            if package in _TOOLCHAINS or module.startswith(_TOOLCHAINS[1:]):
                return True
        frame = frame.f_back
    return False


def _act(event: str, args: tuple[Any, ...]) -> str:
    if event in _UNPICKLING:
        return f"unpickle the global `{args[0]}.{args[1]}`"
    if event in _NETWORK:
        return f"use the network ({event} {args[-1] if event == 'socket.connect' else args[0]!r})"
    return f"start a process ({event} {args[0] if args else ''!r})"
