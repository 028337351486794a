"""Give a library the very bytes that were hashed: a folder of sealed files in memory.

Each file of an admitted folder is read once into memory of its own and hashed there; then
the kernel seals it (memfd_create(2), F_ADD_SEALS in fcntl(2)), and nobody can write to it
any more, not even this process. The folder handed over holds names of those files only. So
what was checked is what is used, whoever can write to the cache meanwhile.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from secureload.digests import STEP, THREADS, in_threads, open_regular
from secureload.errors import IntegrityError, ToolError
from secureload.flow import ArtifactFile, CacheEntry

_SEAL_FUTURE_WRITE = 0x10  # Linux 5.1, <linux/fcntl.h>; Python has no name for it yet
_WEIGHTS = ".safetensors"


class Digest:
    """The digest of one file, fed in order, compared at the end with what was recorded.

    BLAKE3 where the cache recorded it, which several threads compute together, else SHA-256.
    """

    def __init__(self, file: ArtifactFile) -> None:
        self._file = file
        if file.blake3:
            from blake3 import blake3

            self._hash: Any = blake3(max_threads=blake3.AUTO)
        else:
            import hashlib

            self._hash = hashlib.sha256()

    def update(self, data: bytes | memoryview) -> None:
        """Feed the next bytes; the interpreter's lock is released meanwhile."""
        self._hash.update(data)

    def check(self) -> None:
        """Compare.

        Raises:
            IntegrityError: these are other bytes than were admitted.
        """
        if self._hash.hexdigest() != (self._file.blake3 or self._file.sha256):
            raise _differs(self._file)


class SealedFolder:
    """A folder with the admitted files whose paths begin with none of `leave`.

    It lasts until `close`, or as long as what `keep` is given.

    Raises:
        IntegrityError: a file is missing, or has other bytes than were admitted.
        ToolError: this system has no sealed memory files.
    """

    def __init__(self, entry: CacheEntry, *, leave: Iterable[str] = ()) -> None:
        if not hasattr(os, "memfd_create"):
            raise ToolError(
                "`cache.verify: hashed-bytes` needs sealed memory files, which Linux has",
                hint="use `always` on this system",
            )
        if not entry.files:
            raise IntegrityError(f"{entry.source}: no digests of its files are recorded")
        left = frozenset(leave)
        files = [file for file in entry.files if file.path not in left]
        self.path = Path(tempfile.mkdtemp(prefix="secureload-"))
        self._open: dict[str, int] = {}
        self._finalizer = weakref.finalize(self, _close, self.path, self._open)
        try:
            # Large files share all threads between them; small ones are sealed side by side.
            in_threads(
                lambda file: self._seal(entry, file), [file for file in files if file.size < STEP]
            )
            for file in files:
                if file.size >= STEP:
                    self._seal(entry, file)
            for folder, _, _ in os.walk(self.path, topdown=False):
                Path(folder).chmod(0o500)
        except BaseException:
            self.close()
            raise

    def complete(
        self, entry: CacheEntry, left: Iterable[str], instead: Mapping[str, bytes]
    ) -> None:
        """Add the files that were left, as names of the cache's own, and replace others.

        What is `instead` of a file is sealed too.
        """
        for folder, _, _ in os.walk(self.path):
            Path(folder).chmod(0o700)
        for path in left:
            name = self.path / path
            name.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            name.symlink_to(entry.path / path)
        for path, data in instead.items():
            memory = os.memfd_create(path[-200:], os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            os.write(memory, data)
            _seal(memory, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
            os.close(self._open[path])
            self._open[path] = memory
            (self.path / path).unlink()
            (self.path / path).symlink_to(f"/proc/{os.getpid()}/fd/{memory}")

    def _seal(self, entry: CacheEntry, file: ArtifactFile) -> None:
        memory = self._open[file.path] = _sealed(entry, file)
        name = self.path / file.path
        name.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        name.symlink_to(f"/proc/{os.getpid()}/fd/{memory}")

    def keep(self, built: Any) -> None:
        """Let small files last as long as `built`; the weights are given up at once.

        Tokenizers and processors may read their files again, for instance to save them.
        """
        for path in [path for path in self._open if path.endswith(_WEIGHTS)]:
            os.close(self._open.pop(path))  # what the library has mapped stays mapped
        owner = built[0] if isinstance(built, tuple) else built
        try:
            weakref.finalize(owner, _close, self.path, self._open)
        except TypeError:  # nothing refers weakly to it: until the process ends, then
            weakref.finalize(type(owner), _close, self.path, self._open)
        self._finalizer.detach()

    def close(self) -> None:
        """Remove the folder, and its files unless a library has them mapped."""
        self._finalizer()


class Given:
    """A folder to build from. Call it with what was built, and it gives that back."""

    def __init__(self, entry: CacheEntry) -> None:
        self._named = entry.path
        self._folder = SealedFolder(entry) if entry.hash_on_load else None
        self.path = self._folder.path if self._folder else entry.path

    def __call__(self, built: Any, *parts: Any) -> Any:
        """Let the folder last as long as `built`, and it and its `parts` name the cache."""
        if self._folder is not None:
            for part in (built, *parts):
                rename(part, self.path, self._named)
            self._folder.keep(built)
        return built

    def close(self) -> None:
        """Give the folder up, because nothing was built."""
        if self._folder is not None:
            self._folder.close()


@contextlib.contextmanager
def handed(entry: CacheEntry) -> Iterator[Given]:
    """The folder to build from: the admitted one, or one of sealed files for `hash_on_load`.

    Raises:
        IntegrityError: a file has other bytes than were admitted.
    """
    given = Given(entry)
    try:
        yield given
    except BaseException:
        given.close()
        raise


def rename(built: Any, old: Path, new: Path) -> None:
    """Let what was built name the admitted folder as the place it came from."""
    owner = built[0] if isinstance(built, tuple) else built
    for holder in (owner, getattr(owner, "config", None)):
        for name in ("name_or_path", "_name_or_path"):
            value = getattr(holder, "__dict__", {}).get(name)
            if isinstance(value, str) and value.startswith(str(old)):
                setattr(holder, name, f"{new}{value.removeprefix(str(old))}")


def _sealed(entry: CacheEntry, file: ArtifactFile) -> int:
    """Read, hash and seal one file; gives the descriptor of its memory."""
    digest = Digest(file)
    with _problems(file), open_regular(entry.path / file.path) as descriptor:
        if os.fstat(descriptor).st_size != file.size:
            raise _differs(file)
        memory = os.memfd_create(file.path[-200:], os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(memory, file.size)
            if file.size:
                _fill(descriptor, memory, file.size, digest)
            digest.check()
            # Refused by the kernel while anyone holds a writable mapping: so nobody does.
            _seal(memory, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL)
        except BaseException:
            os.close(memory)
            raise
    return memory


def _fill(descriptor: int, memory: int, size: int, digest: Digest) -> None:
    """Read the file into the memory and hash it there, one step behind the reading."""
    with mmap.mmap(memory, size) as mapped:
        # From here on only this one mapping can write, so what is hashed stays as it is.
        _seal(memory, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | _SEAL_FUTURE_WRITE)
        with memoryview(mapped) as view, ThreadPoolExecutor(THREADS) as pool:
            steps = [(at, min(STEP, size - at)) for at in range(0, size, STEP)]
            reads = [pool.submit(read_exactly, descriptor, view, *step) for step in steps]
            try:
                for (at, length), read in zip(steps, reads, strict=True):
                    read.result()
                    with view[at : at + length] as part:
                        digest.update(part)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


def read_exactly(
    descriptor: int, into: memoryview, at: int, length: int, place: int | None = None
) -> None:
    """Read `length` bytes at offset `at` of a file into `into`, there at `place` (or `at`).

    Raises:
        IntegrityError: the file ends before.
    """
    done, place = 0, at if place is None else place
    while done < length:
        with into[place + done : place + length] as rest:
            count = os.preadv(descriptor, [rest], at + done)
        if not count:
            raise IntegrityError("the file became shorter while it was read")
        done += count


def _seal(memory: int, seals: int) -> None:
    try:
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, seals)
    except OSError as error:
        raise ToolError(
            f"the kernel does not seal memory: {error.strerror}",
            hint="`cache.verify: hashed-bytes` needs Linux 5.1 or newer; use `always` here",
        ) from error


@contextlib.contextmanager
def _problems(file: ArtifactFile) -> Iterator[None]:
    try:
        yield
    except (IntegrityError, ToolError):
        raise
    except OSError as error:
        raise IntegrityError(f"{file.path} cannot be read: {error.strerror or error}") from error


def _differs(file: ArtifactFile) -> IntegrityError:
    return IntegrityError(
        f"{file.path} has other bytes than were admitted; nothing was loaded",
        hint="`secureload cache verify` checks everything, `cache rm` removes the model",
    )


def _close(path: Path, files: dict[str, int]) -> None:
    for memory in files.values():
        with contextlib.suppress(OSError):
            os.close(memory)
    files.clear()
    for folder, _, _ in os.walk(path):
        with contextlib.suppress(OSError):
            Path(folder).chmod(0o700)
    shutil.rmtree(path, ignore_errors=True)
