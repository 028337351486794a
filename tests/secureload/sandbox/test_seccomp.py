"""The filter, run by a small BPF machine: on both processors, call by call."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from secureload.sandbox import seccomp

ALLOW, KILL = 0x7FFF0000, 0x80000000
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
PID = 4242

NUMBERS = {
    "x86_64": {
        "read": 0, "openat": 257, "mmap": 9, "mprotect": 10, "clone": 56, "clone3": 435,
        "socket": 41, "connect": 42, "execve": 59, "execveat": 322, "fork": 57, "vfork": 58,
        "ptrace": 101, "kill": 62, "tgkill": 234, "tkill": 200, "mount": 165, "bpf": 321,
        "userfaultfd": 323, "io_uring_setup": 425, "keyctl": 250, "prctl": 157, "fcntl": 72,
        "ioctl": 16, "chmod": 90, "fchmodat": 268, "setxattr": 188, "unshare": 272,
        "pidfd_open": 434, "memfd_create": 319, "process_vm_writev": 311, "symlink": 88,
        "linkat": 265, "mknod": 133, "prlimit64": 302, "exit_group": 231, "futex": 202,
    },
    "aarch64": {
        "read": 63, "openat": 56, "mmap": 222, "mprotect": 226, "clone": 220, "clone3": 435,
        "socket": 198, "connect": 203, "execve": 221, "execveat": 281, "ptrace": 117,
        "kill": 129, "tgkill": 131, "tkill": 130, "mount": 40, "bpf": 280, "userfaultfd": 282,
        "io_uring_setup": 425, "keyctl": 219, "prctl": 167, "fcntl": 25, "ioctl": 29,
        "fchmodat": 53, "setxattr": 5, "unshare": 97, "pidfd_open": 434, "memfd_create": 279,
        "process_vm_writev": 271, "symlinkat": 36, "linkat": 37, "mknodat": 33,
        "prlimit64": 261, "exit_group": 94, "futex": 98,
    },
}  # fmt: skip

machines = pytest.mark.parametrize("machine", NUMBERS)


def answer(machine: str, name: str | int, *arguments: int, audit: int | None = None) -> int:
    """What the filter says to a call: `ALLOW`, `KILL`, or an error number."""
    number = NUMBERS[machine][name] if isinstance(name, str) else name
    words = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = {0: number, 4: AUDIT[machine] if audit is None else audit}
    for index, word in enumerate(words):
        data[16 + 8 * index] = word & 0xFFFFFFFF
        data[20 + 8 * index] = word >> 32
    code = seccomp.program(machine, PID)
    at, held = 0, 0
    while True:
        kind, yes, no, operand = code[at]
        at += 1
        if kind == 0x20:
            held = data[operand]
        elif kind == 0x54:
            held &= operand
        elif kind == 0x06:
            return operand if operand in (ALLOW, KILL) else operand & 0xFFFF
        else:
            found = {0x15: held == operand, 0x35: held >= operand, 0x45: bool(held & operand)}
            at += yes if found[kind] else no


@machines
@pytest.mark.parametrize("name", ["read", "openat", "futex", "exit_group"])
def test_plain_work_is_allowed(machine: str, name: str) -> None:
    assert answer(machine, name) == ALLOW


@machines
def test_what_is_not_listed_is_refused(machine: str) -> None:
    allowed = {
        *("read", "openat", "futex", "exit_group"),
        *("mmap", "mprotect", "clone", "clone3", "fcntl", "ioctl", "prctl", "tgkill"),
    }
    for name in NUMBERS[machine].keys() - allowed:
        assert answer(machine, name) == errno.EPERM, name
    assert answer(machine, 9999) == errno.EPERM


@machines
def test_another_architectures_call_kills(machine: str) -> None:
    assert answer(machine, "read", audit=0x40000003) == KILL


def test_the_other_numbers_of_x86_64_are_refused() -> None:
    assert answer("x86_64", 0x40000000) == errno.EPERM


@machines
def test_threads_and_no_processes(machine: str) -> None:
    threads = 0x3D0F00
    assert answer(machine, "clone", threads) == ALLOW
    assert answer(machine, "clone", 0x11) == errno.EPERM
    assert answer(machine, "clone", 0x4111) == errno.EPERM
    assert answer(machine, "clone", threads | 0x10000000) == errno.EPERM
    assert answer(machine, "clone3") == errno.ENOSYS


@machines
def test_memory_is_private_or_a_files_and_never_made_executable(machine: str) -> None:
    private, shared, anonymous, read, write, execute = 2, 1, 0x20, 1, 2, 4
    assert answer(machine, "mmap", 0, 4096, read | write, private | anonymous) == ALLOW
    assert answer(machine, "mmap", 0, 4096, read, shared) == ALLOW
    assert answer(machine, "mmap", 0, 4096, read | execute, private) == ALLOW
    assert answer(machine, "mmap", 0, 4096, read | write, shared | anonymous) == errno.EPERM
    assert answer(machine, "mmap", 0, 4096, execute, private | anonymous) == errno.EPERM
    assert answer(machine, "mprotect", 0, 4096, read | write) == ALLOW
    assert answer(machine, "mprotect", 0, 4096, read | execute) == errno.EPERM


@machines
def test_ones_own_descriptors_name_and_signals(machine: str) -> None:
    assert answer(machine, "fcntl", 3, 1030) == ALLOW
    assert answer(machine, "fcntl", 3, 8, PID) == errno.EPERM
    assert answer(machine, "ioctl", 3, 0x5451) == ALLOW
    assert answer(machine, "ioctl", 0, 0x5412) == errno.ENOTTY
    assert answer(machine, "prctl", 15) == ALLOW
    assert answer(machine, "prctl", 22) == errno.EPERM
    assert answer(machine, "tgkill", PID, PID, 6) == ALLOW
    assert answer(machine, "tgkill", PID + 1, PID + 1, 9) == errno.EPERM


HEADERS = {
    0: Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    1: Path("/usr/include/asm-generic/unistd.h"),
}


@pytest.mark.parametrize("column", HEADERS)
def test_the_numbers_are_the_kernels(column: int) -> None:
    # Headers are not on every machine; where they are, they and the table agree.
    if not HEADERS[column].exists():
        assert seccomp.program("aarch64", 1)
        return
    text = HEADERS[column].read_text()
    pattern = r"#define __NR(?:3264)?_(\w+)\s+(\d+)\b"
    real = {name: int(number) for name, number in re.findall(pattern, text)}
    if column == 1:
        real |= {"newfstatat": real["fstatat"]}
    for name, numbers in seccomp._NUMBERS.items():
        if numbers[column] is not None:
            assert real[name] == numbers[column], name
