"""A seccomp filter: the system calls that reading and writing files takes, and no others.

No sockets, no new processes or programs, no signals to others, no mounts, keys, tracing,
BPF, io_uring or user faults: what is not listed answers `EPERM`, so a parser that is led
astray meets an error, and its file fails. Files are Landlock's matter; what Landlock does
not cover (modes, owners, times, extended attributes, links) is not listed here either.

Source: Linux, `Documentation/userspace-api/seccomp_filter.rst`; the numbers come from
`asm/unistd_64.h` and `asm-generic/unistd.h`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterable, Mapping

from scanner.frozen import dataclass
from secureload.sandbox.libc import failure, prctl

_NUMBERS: Mapping[str, tuple[int | None, int | None]] = {
    # bytes of open files
    "read": (0, 63), "write": (1, 64), "readv": (19, 65), "writev": (20, 66),
    "pread64": (17, 67), "pwrite64": (18, 68), "preadv": (295, 69), "pwritev": (296, 70),
    "preadv2": (327, 286), "pwritev2": (328, 287), "lseek": (8, 62), "sendfile": (40, 71),
    "copy_file_range": (326, 285), "fsync": (74, 82), "fdatasync": (75, 83),
    "sync_file_range": (277, 84), "fallocate": (285, 47), "ftruncate": (77, 46),
    "fadvise64": (221, 223), "readahead": (187, 213), "flock": (73, 32),
    # descriptors and names
    "open": (2, None), "openat": (257, 56), "creat": (85, None), "close": (3, 57),
    "close_range": (436, 436), "dup": (32, 23), "dup2": (33, None), "dup3": (292, 24),
    "stat": (4, None), "fstat": (5, 80), "lstat": (6, None), "newfstatat": (262, 79),
    "statx": (332, 291), "access": (21, None), "faccessat": (269, 48),
    "faccessat2": (439, 439), "readlink": (89, None), "readlinkat": (267, 78),
    "getcwd": (79, 17), "getdents64": (217, 61), "statfs": (137, 43), "fstatfs": (138, 44),
    "mkdir": (83, None), "mkdirat": (258, 34), "unlink": (87, None), "unlinkat": (263, 35),
    "rmdir": (84, None), "rename": (82, None), "renameat": (264, 38),
    "renameat2": (316, 276), "umask": (95, 166),
    # memory and threads
    "munmap": (11, 215), "mremap": (25, 216), "madvise": (28, 233), "msync": (26, 227),
    "brk": (12, 214), "membarrier": (324, 283), "futex": (202, 98),
    "set_robust_list": (273, 99), "get_robust_list": (274, 100), "rseq": (334, 293),
    "sched_yield": (24, 124), "sched_getaffinity": (204, 123),
    # waiting, clocks, chance
    "poll": (7, None), "ppoll": (271, 73), "select": (23, None), "pselect6": (270, 72),
    "nanosleep": (35, 101), "clock_nanosleep": (230, 115), "clock_gettime": (228, 113),
    "clock_getres": (229, 114), "gettimeofday": (96, 169), "time": (201, None),
    "times": (100, 153), "getrusage": (98, 165), "getrandom": (318, 278),
    "setitimer": (38, 103), "getitimer": (36, 102),
    # who and where one is
    "getpid": (39, 172), "gettid": (186, 178), "getuid": (102, 174), "geteuid": (107, 175),
    "getgid": (104, 176), "getegid": (108, 177), "uname": (63, 160), "sysinfo": (99, 179),
    "getcpu": (309, 168),
    # one's own signals, and the end
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132), "restart_syscall": (219, 128), "exit": (60, 93),
    "exit_group": (231, 94),
}  # fmt: skip
"""Allowed whatever the arguments: name, number on x86-64, number on aarch64."""

_CLONE, _CLONE3 = (56, 220), (435, 435)
_MMAP, _MPROTECT = (9, 222), (10, 226)
_FCNTL, _IOCTL, _PRCTL, _TGKILL = (72, 25), (16, 29), (157, 167), (234, 131)

_CLONE_THREAD, _NAMESPACES = 0x00010000, 0x7E020080
_SHARED_ANONYMOUS, _ANONYMOUS, _EXECUTABLE = 0x21, 0x20, 4
_FCNTLS = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030)
"""Duplicate, flags, locks; not owners, signals, leases or notices."""
_IOCTLS = (0x5450, 0x5451)
"""FIONCLEX, FIOCLEX."""
_PRCTLS = (15, 16)
"""A thread's name."""

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_X32 = 0x40000000

_SET_SECCOMP, _FILTER = 22, 2


@dataclass(frozen=True, kw_only=True, slots=True)
class _Machine:
    audit: int
    column: int


_MACHINES = {
    "x86_64": _Machine(audit=0xC000003E, column=0),
    "aarch64": _Machine(audit=0xC00000B7, column=1),
}

_Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand: a `struct sock_filter`."""


def available() -> bool:
    """Whether this kernel takes filters, and this machine's system calls are known here."""
    if sys.platform != "linux" or os.uname().machine not in _MACHINES:
        return False
    # With no filter given, a kernel that has the mode finds the address bad; others know none.
    return _set(None) == errno.EFAULT


def restrict() -> None:
    """Allow this process, for good, the listed system calls only. It must have one thread.

    `no_new_privs` must be set.

    Raises:
        OSError: the kernel refuses.
    """
    code = program(os.uname().machine, os.getpid())
    packed = b"".join(struct.pack("=HBBI", *instruction) for instruction in code)
    held = ctypes.create_string_buffer(packed, len(packed))
    failed = _set(_Program(length=len(code), filter=ctypes.addressof(held)))
    if failed:
        raise failure("seccomp", failed)


def program(machine: str, pid: int) -> list[_Instruction]:
    """The filter for a machine, as instructions; `pid` may send signals to itself."""
    known = _MACHINES[machine]
    column = known.column
    code: list[_Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, known.audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        code += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    for numbers in _NUMBERS.values():
        number = numbers[column]
        if number is not None:
            code += _when(number, [(_RETURN, 0, 0, _ALLOW)])
    code += _when(_CLONE[column], _threads_only())
    # glibc asks for clone3 first, whose flags a filter cannot see, and then for clone.
    code += _when(_CLONE3[column], [(_RETURN, 0, 0, _ERRNO | errno.ENOSYS)])
    code += _when(_MMAP[column], _no_hidden_memory())
    code += _when(_MPROTECT[column], [_argument(2), *_unless(_EXECUTABLE)])
    code += _when(_FCNTL[column], _one_of(1, _FCNTLS, errno.EPERM))
    code += _when(_IOCTL[column], _one_of(1, _IOCTLS, errno.ENOTTY))
    code += _when(_PRCTL[column], _one_of(0, _PRCTLS, errno.EPERM))
    code += _when(_TGKILL[column], _one_of(0, (pid,), errno.EPERM))
    return [*code, (_RETURN, 0, 0, _ERRNO | errno.EPERM)]


def _when(number: int, block: list[_Instruction]) -> list[_Instruction]:
    return [(_EQUAL, 0, len(block), number), *block]


def _argument(index: int) -> _Instruction:
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * index)


def _unless(bits: int) -> list[_Instruction]:
    return [
        (_ANY_BIT, 0, 1, bits),
        (_RETURN, 0, 0, _ERRNO | errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _threads_only() -> list[_Instruction]:
    return [
        _argument(0),
        (_ANY_BIT, 1, 0, _CLONE_THREAD),
        (_RETURN, 0, 0, _ERRNO | errno.EPERM),
        *_unless(_NAMESPACES),
    ]


def _no_hidden_memory() -> list[_Instruction]:
    """No shared memory without a file, which no limit counts, and none to put code into."""
    return [
        _argument(3),
        (_AND, 0, 0, _SHARED_ANONYMOUS),
        (_EQUAL, 0, 1, _SHARED_ANONYMOUS),
        (_RETURN, 0, 0, _ERRNO | errno.EPERM),
        (_ANY_BIT, 1, 0, _ANONYMOUS),
        (_RETURN, 0, 0, _ALLOW),
        _argument(2),
        *_unless(_EXECUTABLE),
    ]


def _one_of(index: int, values: Iterable[int], otherwise: int) -> list[_Instruction]:
    code = [_argument(index)]
    for value in values:
        code += [(_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ALLOW)]
    return [*code, (_RETURN, 0, 0, _ERRNO | otherwise)]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _set(filters: _Program | None) -> int:
    # Without a filter its address is none, which the kernel finds bad: so it has the mode.
    address = ctypes.c_void_p(None) if filters is None else ctypes.byref(filters)
    return prctl(_SET_SECCOMP, _FILTER, address)
