"""The C library, opened once: system calls that Python has no function for."""

from __future__ import annotations

import ctypes
import os
from functools import cache


@cache
def libc() -> ctypes.CDLL:
    """The library of this process, with its own copy of `errno`."""
    return ctypes.CDLL(None, use_errno=True)


def syscall(number: int, *arguments: object) -> int:
    """Make a system call; -1 for an error, which `failure` then names."""
    call = libc().syscall
    call.restype = ctypes.c_long
    plain = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    answer: int = call(ctypes.c_long(number), *plain)
    return answer


def prctl(option: int, value: int, pointer: object = None) -> int:
    """Set something about this process; 0, or the error's number."""
    zero = ctypes.c_ulong(0)
    third = zero if pointer is None else pointer
    failed: int = libc().prctl(option, ctypes.c_ulong(value), third, zero, zero)
    return ctypes.get_errno() if failed else 0


def failure(what: str, number: int | None = None) -> OSError:
    """The last error of the C library as an exception."""
    number = ctypes.get_errno() if number is None else number
    return OSError(number, f"{what}: {os.strerror(number)}")
