"""Digests of files: SHA-256, git blob id, and the faster digest that a warm load checks.

Files are read in large steps into page-aligned memory: on some processors the kernel copies
five times slower into a buffer that starts off a page boundary. SHA-256 and the git blob id
are what publishers claim and sign; BLAKE3 is what this cache records beside them, because
it is a tree, so several threads share one file. All three bind the whole content.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

STEP = 8 << 20
"""Bytes read at once: large enough for several threads to share, small enough to stay flat."""

THREADS = max(2, min(os.cpu_count() or 2, 8))
"""Threads that hash: memory bandwidth, not cores, is the limit beyond a few."""

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True, kw_only=True, slots=True)
class FileDigests:
    """What a file's bytes are: size in bytes, digests in hex.

    `git_oid` is the git blob id: SHA-1 over `blob <size>\\0` and the bytes.
    """

    size: int
    sha256: str
    git_oid: str
    blake3: str


def digest_file(path: Path) -> FileDigests:
    """Measure all digests of one file in one pass; symbolic links are not followed.

    Raises:
        OSError: the file cannot be read, is no regular file, or changed while it was read.
    """
    with open_regular(path) as descriptor:
        return digest_descriptor(descriptor, name=str(path))


def digest_descriptor(descriptor: int, *, name: str) -> FileDigests:
    """Measure all digests of an open file from its start; `name` stands for it in messages.

    Raises:
        OSError: the file cannot be read, or its size changed while it was read.
    """
    from blake3 import blake3

    size = os.fstat(descriptor).st_size
    sha256 = hashlib.sha256()
    git = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    fast = blake3(max_threads=blake3.AUTO)
    done = 0
    with ThreadPoolExecutor(2) as pool:
        for chunk in _chunks(descriptor):
            other = pool.submit(git.update, chunk), pool.submit(fast.update, chunk)
            sha256.update(chunk)
            for future in other:
                future.result()
            done += len(chunk)
    if done != size:
        raise OSError(f"{name} changed its size while it was read")
    return FileDigests(
        size=size, sha256=sha256.hexdigest(), git_oid=git.hexdigest(), blake3=fast.hexdigest()
    )


def sha256_descriptor(descriptor: int) -> str:
    """The SHA-256 of an open file's bytes from its start, in hex."""
    sha256 = hashlib.sha256()
    for chunk in _chunks(descriptor):
        sha256.update(chunk)
    return sha256.hexdigest()


def blake3_descriptor(descriptor: int) -> str:
    """The BLAKE3 digest of an open file's bytes from its start, in hex, on several threads."""
    from blake3 import blake3

    fast = blake3(max_threads=THREADS)
    mapped = Path(f"/proc/self/fd/{descriptor}")
    if mapped.exists():
        # Mapped, the pages hashed are those that the library will map, and nothing is copied.
        # A file cut short meanwhile would end the process, here as in the library itself.
        fast.update_mmap(mapped)
    else:
        for chunk in _chunks(descriptor):
            fast.update(chunk)
    return fast.hexdigest()


def in_threads(
    work: Callable[[_Item], _Result], items: Sequence[_Item], *, threads: int = THREADS
) -> list[_Result]:
    """Apply `work` to all items on a few threads; results come in the order of the items."""
    if len(items) < 2:
        return [work(item) for item in items]
    with ThreadPoolExecutor(min(threads, len(items))) as pool:
        return list(pool.map(work, items))


@contextmanager
def open_regular(path: Path) -> Iterator[int]:
    """Open a regular file for reading and give its descriptor; links are not followed.

    Raises:
        OSError: it is not there, not readable, or not a regular file.
    """
    descriptor = os.open(path, _OPEN)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is not a regular file")
        yield descriptor
    finally:
        os.close(descriptor)


def _chunks(descriptor: int) -> Iterator[memoryview]:
    """Read from the start in steps; each view is valid until the next one is asked for.

    While one step is being hashed, a thread reads the next into the other of two buffers.
    """
    size = os.fstat(descriptor).st_size
    length = min(STEP, -(-(size + 1) // mmap.PAGESIZE) * mmap.PAGESIZE)
    with (
        mmap.mmap(-1, 2 * length) as memory,
        memoryview(memory) as whole,
        whole[:length] as this,
        whole[length:] as other,
    ):
        if size < length:
            offset = 0
            while count := os.preadv(descriptor, [this], offset):
                offset += count
                with this[:count] as chunk:
                    yield chunk
            return
        with ThreadPoolExecutor(1) as reader:
            offset, full, free = 0, this, other
            pending = reader.submit(os.preadv, descriptor, [full], offset)
            while count := pending.result():
                offset += count
                pending = reader.submit(os.preadv, descriptor, [free], offset)
                with full[:count] as chunk:
                    yield chunk
                full, free = free, full
