"""Landlock: this process, and nothing it starts, reaches a file or socket but those named.

The newest rules that the kernel has are used, whatever it lacks is left out. Nothing here
needs privileges or a library.

Source: Linux, `Documentation/userspace-api/landlock.rst` and `include/uapi/linux/landlock.h`.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from collections.abc import Iterable

from secureload.sandbox.libc import failure, syscall

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446
"""System call numbers, the same on every architecture."""

_VERSION = 1
_PATH_BENEATH = 1

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE = 1 << 4, 1 << 5
_MAKE_DIR, _MAKE_REG = 1 << 7, 1 << 8
_REFER, _TRUNCATE = 1 << 13, 1 << 14

_FIRST = (1 << 13) - 1
"""Rights on files that every version knows: execute to make-symlink."""
_SINCE = {2: _REFER, 3: _TRUNCATE, 5: 1 << 15}
"""Rights on files that came later, by version: refer, truncate, ioctl on devices."""
_NET_SINCE, _NET = 4, 0b11
"""Bind and connect of TCP."""
_SCOPE_SINCE, _SCOPE = 6, 0b11
"""Abstract Unix sockets, and signals, of processes outside."""

_ON_FILES = 0b111 | _TRUNCATE | 1 << 15
"""Rights that make sense on a file; the others belong to folders."""

READ = _READ_FILE | _READ_DIR
WRITE = READ | _WRITE_FILE | _TRUNCATE | _MAKE_REG | _MAKE_DIR | _REMOVE_FILE | _REMOVE_DIR | _REFER


_Path = str | os.PathLike[str]


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def version() -> int:
    """The kernel's version of Landlock; 0 where there is none, or it is switched off."""
    if sys.platform != "linux":
        return 0
    return max(syscall(_CREATE, None, 0, _VERSION), 0)


def restrict(readable: Iterable[_Path], writable: Iterable[_Path]) -> int:
    """Confine this thread, for good, to these files and folders; return Landlock's version.

    `no_new_privs` must be set. TCP is forbidden from version 4 on, signals and abstract
    sockets of other processes from 6 on. Paths that do not exist are left out.

    Raises:
        OSError: the kernel has Landlock and refuses.
    """
    known = version()
    if not known:
        return 0
    files = _FIRST
    for since, right in _SINCE.items():
        files |= right if known >= since else 0
    rules = _Ruleset(
        handled_access_fs=files,
        handled_access_net=_NET if known >= _NET_SINCE else 0,
        scoped=_SCOPE if known >= _SCOPE_SINCE else 0,
    )
    size = 24 if known >= _SCOPE_SINCE else 16 if known >= _NET_SINCE else 8
    ruleset = _checked(syscall(_CREATE, ctypes.byref(rules), size, 0))
    try:
        for rights, paths in ((READ, readable), (WRITE, writable)):
            for path in paths:
                _allow(ruleset, path, rights & files)
        _checked(syscall(_RESTRICT, ruleset, 0))
    finally:
        os.close(ruleset)
    return known


def _allow(ruleset: int, path: _Path, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _ON_FILES
        rule = _PathBeneath(allowed_access=rights, parent_fd=descriptor)
        _checked(syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0))
    finally:
        os.close(descriptor)


def _checked(answer: int) -> int:
    if answer < 0:
        raise failure("Landlock")
    return answer
