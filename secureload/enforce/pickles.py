"""`pickle`: what comes from a file is judged first, and loaded from the very bytes judged.

Where a pickle comes from decides how it is treated:

- a regular file, and everything that can be read ahead (`BytesIO`, `gzip`, a member of an
  archive): judged by the gate, then loaded with nothing but allowlisted globals;
- bytes in memory: likewise, unless this process has made them itself with `pickle.dumps`;
- what moves pickles between the program's own processes (`IPC`), except from regular files:
  trusted;
- any other pipe or socket: loaded, but for globals known to run code.

`joblib.load`, `shelve`, `dill` and `pandas.read_pickle` come
through here, since all of them look their unpickler up in `pickle`.
"""

from __future__ import annotations

import collections
import functools
import io
import os
import stat
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, ModuleType
from typing import Any

from secureload.enforce import state
from secureload.enforce.divert import divert, diverted, rebind
from secureload.enforce.imports import FINDER
from secureload.enforce.state import Mode, loading

_FAMILY = ("connection", "forkserver", "managers", "queues", "reduction", "spawn")
IPC = (
    *(f"{name}.{part}" for name in ("multiprocessing", "multiprocess") for part in _FAMILY),
    *(f"billiard.{part}" for part in _FAMILY),
    *("joblib.externals.loky", "loky", "torch.multiprocessing.queue"),
    *("torch.distributed.distributed_c10d", "torch.distributed.rpc"),
    *("torch._inductor.compile_worker", "distributed", "ray", "pyspark", "mpi4py", "execnet"),
)
"""Modules and packages whose pickles go between the program's own processes."""

_OWN = 4_096
"""Digests of pickles made here that are kept."""

_PREFIXES = tuple(f"{name}." for name in IPC)
_own: collections.OrderedDict[bytes, None] = collections.OrderedDict()
_lock = threading.Lock()


def _forked() -> None:
    """In a forked child: whoever held the lock elsewhere is not there to open it."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def install() -> None:
    """Gate `pickle` and `_pickle`, now and whenever either is loaded anew."""
    import _pickle

    # The C module first: `pickle` takes its names from there.
    for name, hook in (("_pickle", _hook), ("pickle", _hook)):
        FINDER.add(name, hook)
    _hook(_pickle)


def _hook(module: ModuleType) -> None:
    inner = getattr(module, "Unpickler", None)
    if inner is not None and not hasattr(inner, "_secureload_inner"):
        gated = _gated(inner)
        loads, dumps = module.loads, module.dumps
        for name, replacement in (
            ("Unpickler", gated),
            ("load", _load_with(gated)),
            ("loads", _loads_with(gated, loads)),
            ("dumps", _dumps_with(dumps)),
        ):
            old = getattr(module, name)
            setattr(module, name, replacement)
            rebind(old, replacement)
    if hasattr(module, "_Unpickler") and not diverted(module._Unpickler.load):
        divert(module._Unpickler.__init__, _python_init)
        divert(module._Unpickler.load, _python_load)


# The unpickler written in C


class _Source:
    """What an unpickler reads from: the file itself, or the judged bytes in its stead."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.now = file

    def read(self, size: int = -1) -> Any:
        return self.now.read(size)

    def readline(self, size: int = -1) -> Any:
        return self.now.readline() if size < 0 else self.now.readline(size)

    def readinto(self, into: Any) -> Any:
        if hasattr(self.now, "readinto"):
            return self.now.readinto(into)
        data = self.now.read(len(into))
        into[: len(data)] = data
        return len(data)


def _gated(inner: type) -> type:
    """The unpickler class that judges before it loads."""

    class Unpickler(inner):  # type: ignore[misc]
        _secureload_inner = inner

        def __init__(self, file: Any, **options: Any) -> None:
            self._secureload_source = _Source(file)
            super().__init__(self._secureload_source, **options)

        def load(self) -> Any:
            source = self._secureload_source
            with _ready(source.file, _caller(), source):
                return super().load()

    Unpickler.__module__, Unpickler.__qualname__ = "pickle", "Unpickler"
    Unpickler.__doc__ = inner.__doc__
    return Unpickler


def _load_with(gated: Callable[..., Any]) -> Callable[..., Any]:
    def load(file: Any, **options: Any) -> Any:
        """Read a pickle from a file, behind the gate."""
        unpickler = gated(file, **options)
        source = unpickler._secureload_source
        with _ready(file, _caller(), source):
            return gated._secureload_inner.load(unpickler)  # type: ignore[attr-defined]

    return load


def _loads_with(gated: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    def loads(data: Any, /, **options: Any) -> Any:
        """Read a pickle from bytes, behind the gate."""
        with loading(_mode_of_bytes(data, _caller())):
            return original(data, **options)

    return loads


def _dumps_with(original: Callable[..., bytes]) -> Callable[..., bytes]:
    @functools.wraps(original)
    def dumps(*args: Any, **options: Any) -> bytes:
        made = original(*args, **options)
        _remember(made)
        return made

    return dumps


# The unpickler written in Python


def _python_init(original: Callable[..., Any]) -> Callable[..., Any]:
    def __init__(self: Any, file: Any, **options: Any) -> None:  # noqa: N807
        self._secureload_file = file
        original(self, file, **options)

    return __init__


def _python_load(original: Callable[..., Any]) -> Callable[..., Any]:
    """The file is judged and read on: subclasses read other things from it in between."""

    def load(self: Any) -> Any:
        with _ready(getattr(self, "_secureload_file", None), _caller(), None):
            return original(self)

    return load


# Where it comes from


def _caller() -> str:
    """The module that called the function which calls this."""
    depth = 2
    while True:
        name = module_of(sys._getframe(depth))
        if name not in {__name__, "pickle", "_pickle"}:
            return name
        depth += 1


def module_of(frame: FrameType) -> str:
    """The module whose code runs in a frame; what was started by `-m` has its own name too."""
    names = frame.f_globals
    name = str(names.get("__name__", ""))
    if name == "__main__":
        return str(getattr(names.get("__spec__"), "name", None) or name)
    return name


def is_ipc(module: str) -> bool:
    """Whether a module moves pickles between the program's own processes."""
    return module in IPC or module.startswith(_PREFIXES) or _named(module)


def _named(module: str) -> bool:
    more = state.current().ipc[len(IPC) :]
    return any(module == name or module.startswith(f"{name}.") for name in more)


@contextmanager
def _ready(file: Any, caller: str, source: _Source | None) -> Iterator[None]:
    """Judge what a file holds from here on, and load in the mode that follows."""
    if state.doing.inside or state.doing.mode is not None:
        # Our own work, or a pickle inside one that is being loaded.
        with loading(state.doing.mode or Mode.TRUSTED):
            yield
        return
    kind = _kind(file)
    if kind is not stat.S_ISREG and is_ipc(caller):
        with loading(Mode.TRUSTED):
            yield
        return
    if kind is _channel:
        with loading(Mode.GUARDED):
            yield
        return
    start = _position(file)
    if start is None:
        with loading(Mode.STRICT):  # nothing can be read ahead: each global is judged alone
            yield
        return
    data = _rest(file, start)
    mode = _mode_of_bytes(data, caller, name=_name(file))
    if source is None:
        file.seek(start)
        with loading(mode):
            yield
        return
    source.now = io.BytesIO(data)
    try:
        with loading(mode):
            yield
    finally:
        file.seek(start + source.now.tell())
        source.now = source.file


def _mode_of_bytes(data: Any, caller: str, name: str = "") -> Mode:
    if state.doing.inside:
        return Mode.TRUSTED
    if state.doing.mode is not None:
        return state.doing.mode
    if is_ipc(caller):
        return Mode.TRUSTED
    if not len(data) or _remembered(data):
        return Mode.TRUSTED
    from secureload.enforce import judge

    return judge.content(data, name or f"a pickle in memory, loaded by {caller}")


def _kind(file: Any) -> Callable[[int], bool] | None:
    """What a file is: a regular one, a channel (pipe, socket, terminal), or in memory."""
    descriptor = _descriptor(file)
    if descriptor is None:
        return None
    mode = os.fstat(descriptor).st_mode
    return next((kind for kind in (stat.S_ISREG, _channel) if kind(mode)), None)


def _channel(mode: int) -> bool:
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)


def _descriptor(file: Any) -> int | None:
    try:
        found = file.fileno()
    except (AttributeError, OSError, ValueError):
        return None
    return found if isinstance(found, int) else None


def _position(file: Any) -> int | None:
    try:
        return int(file.tell()) if file.seekable() else None
    except (AttributeError, OSError, ValueError, TypeError):
        return None


_read: weakref.WeakKeyDictionary[Any, tuple[object, int, bytes]] = weakref.WeakKeyDictionary()
"""What was read ahead of each open file, so that a file of many pickles is read once."""


def _rest(file: Any, start: int) -> bytes:
    stamp = _stamp(file)
    try:
        kept = _read.get(file)
    except TypeError:  # it cannot be referred to weakly
        kept = None
    if kept is not None and kept[0] == stamp and start >= kept[1]:
        return kept[2][start - kept[1] :]
    data = bytes(file.read())
    file.seek(start)
    if stamp is not None:
        try:
            _read[file] = (stamp, start, data)
        except TypeError:
            return data
    return data


def _stamp(file: Any) -> object:
    descriptor = _descriptor(file)
    if descriptor is None:
        return None
    status = os.fstat(descriptor)
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _name(file: Any) -> str:
    name = getattr(file, "name", "")
    return name if isinstance(name, str) and name else f"a pickle in {type(file).__name__}"


def _remember(data: bytes) -> None:
    digest = _digest(data)
    with _lock:
        _own[digest] = None
        _own.move_to_end(digest)
        if len(_own) > _OWN:
            _own.popitem(last=False)


def _remembered(data: Any) -> bool:
    return bool(_own) and _digest(data) in _own


def _digest(data: Any) -> bytes:
    import blake3

    return blake3.blake3(data).digest()
