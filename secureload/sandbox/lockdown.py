"""Shut this process in: limits, no privileges, no descriptors, Landlock, seccomp.

What a kernel or a system lacks is left out, and the tier reached says so. Nothing is ever
taken back: a process that has locked itself stays so, and so does whatever it would start.
"""

from __future__ import annotations

import enum
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache

from scanner.frozen import dataclass

_SET_DEATH_SIGNAL, _SET_NO_NEW_PRIVS = 1, 38
_CAPABILITY_VERSION = 0x20080522
_READ_ANY_FILE = 1 << 2
"""CAP_DAC_READ_SEARCH: whoever may read every file may still do so where Landlock lets them."""

_IMPORTED = ("lib-dynload", "site-packages", "dist-packages")
_DESCRIPTORS = 1024
_THREADS = 512
"""Threads and processes of this user beyond those there are now; root has no such limit."""


class Tier(enum.Enum):
    """How closely a worker is confined, loosest first. Only `FULL` satisfies `required`."""

    NONE = "none"
    """Not at all: the files were read in the process that asked."""
    RLIMITS = "rlimits"
    """A process of its own with limits on memory, time, file sizes and processes."""
    SECCOMP = "seccomp"
    """That, and no sockets, programs, processes or signals; files stay in reach."""
    LANDLOCK = "landlock"
    """Limits, and no files but those given; sockets and processes stay in reach."""
    FULL = "landlock+seccomp"
    """All of it."""

    @property
    def full(self) -> bool:
        """Whether nothing is missing."""
        return self is Tier.FULL

    @classmethod
    def of(cls, *, landlocked: bool, filtered: bool) -> Tier:
        """The tier of a process with limits and these mechanisms."""
        if landlocked and filtered:
            return cls.FULL
        return cls.LANDLOCK if landlocked else cls.SECCOMP if filtered else cls.RLIMITS


@dataclass(frozen=True, kw_only=True, slots=True)
class Confines:
    """What a worker may reach: files and folders to read and to write, and how much of all.

    `memory_bytes` bounds the heap; `mapped_bytes` is what may be mapped from files beside
    it. `file_bytes` bounds each file written, `cpu_seconds` all the work.
    """

    readable: tuple[str | os.PathLike[str], ...] = ()
    writable: tuple[str | os.PathLike[str], ...] = ()
    memory_bytes: int
    mapped_bytes: int
    file_bytes: int
    cpu_seconds: int


def lock(confines: Confines, keep: Iterable[int], *, highest: Tier = Tier.FULL) -> Tier:
    """Shut this process in for good and return the tier reached; it must have one thread.

    All descriptors are closed but those in `keep`; the standard ones lead nowhere. `highest`
    leaves out mechanisms above a tier, as a kernel without them would.

    Raises:
        OSError: a mechanism that is there refuses.
    """
    from secureload.sandbox import landlock, seccomp

    os.environ.clear()
    close_all_but(frozenset(keep))
    _limit(confines)
    if sys.platform != "linux":
        return Tier.RLIMITS
    _set(_SET_DEATH_SIGNAL, signal.SIGKILL)
    _set(_SET_NO_NEW_PRIVS, 1)
    landlocked = highest in (Tier.FULL, Tier.LANDLOCK) and bool(
        landlock.restrict((*confines.readable, *import_paths()), confines.writable)
    )
    _drop_capabilities(_READ_ANY_FILE if landlocked else 0)
    filtered = highest in (Tier.FULL, Tier.SECCOMP) and seccomp.available()
    if filtered:
        seccomp.restrict()
    return Tier.of(landlocked=landlocked, filtered=filtered)


def prepare() -> None:
    """Find out beforehand what a process can know before it is to be shut in."""
    from secureload.sandbox import landlock, seccomp  # noqa: F401  so that `lock` finds them
    from secureload.sandbox.libc import libc

    import_paths()
    _tasks()
    libc()


@cache
def import_paths() -> tuple[str, ...]:
    """Where Python finds its own modules, ours, and the libraries that they link to.

    A worker imports what it can beforehand; some modules are imported when they are needed.
    """
    home = __file__.rsplit(os.sep, 3)[0]
    found = {os.__file__.rsplit(os.sep, 1)[0], f"{sys.exec_prefix}/{sys.platlibdir}"}
    found |= {f"{home}/secureload", f"{home}/scanner"}
    found |= {path for path in sys.path if path.endswith(_IMPORTED)}
    libraries = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")
    return tuple(sorted(found.union(libraries)))


def close_all_but(keep: frozenset[int]) -> None:
    """Close every descriptor but these; the standard ones lead nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        if standard not in keep:
            os.dup2(nowhere, standard)
    low = 3
    for high in sorted(fd for fd in keep if fd > 2):
        os.closerange(low, high)
        low = high + 1
    os.closerange(low, max(low, os.sysconf("SC_OPEN_MAX")))


def _limit(confines: Confines) -> None:
    import resource

    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: _DESCRIPTORS,
        resource.RLIMIT_FSIZE: confines.file_bytes,
        resource.RLIMIT_CPU: confines.cpu_seconds,
        resource.RLIMIT_DATA: confines.memory_bytes,
        resource.RLIMIT_AS: confines.memory_bytes + confines.mapped_bytes,
        resource.RLIMIT_NPROC: _tasks() + _THREADS,
    }
    for which, most in wanted.items():
        _, hard = resource.getrlimit(which)
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        with suppress(OSError, ValueError):  # macOS has some of these in name only
            resource.setrlimit(which, (most, most))


@cache
def _tasks() -> int:
    """How many threads this user has now, as the kernel counts them for its limit."""
    if os.getuid() == 0:
        return 0
    return sum(_threads_of_mine())


def threads_of(pid: int) -> int:
    """How many threads a process has.

    Raises:
        OSError: it is gone, or this system has no `/proc`.
        ValueError, IndexError: what is there says something else.
    """
    # `pathlib` would be imported before every worker for this.
    with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
        return int(file.read().rpartition(b")")[2].split()[17])


def _threads_of_mine() -> Iterator[int]:
    own = os.getuid()
    try:
        folders = [entry for entry in os.scandir("/proc") if entry.name.isdecimal()]
    except OSError:
        yield 4096
        return
    for folder in folders:
        with suppress(OSError, ValueError, IndexError):
            if folder.stat().st_uid == own:
                yield threads_of(int(folder.name))


def _drop_capabilities(kept: int) -> None:
    """Keep no privilege of root but what is in `kept`, and only if it is there."""
    import ctypes

    from secureload.sandbox.libc import failure, libc

    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)()
    if libc().capget(header, sets) != 0:
        return
    low = sets[1] & kept
    held = (ctypes.c_uint32 * 6)(low, low, 0, 0, 0, 0)
    if libc().capset(header, held) != 0:
        raise failure("cannot give up privileges")


def _set(option: int, value: int) -> None:
    from secureload.sandbox.libc import failure, prctl

    failed = prctl(option, value)
    if failed:
        raise failure(f"prctl({option})", failed)
