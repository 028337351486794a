"""Where the bytes of admitted files are: the seam between the service and its storage.

A `Store` gives content by SHA-256, and vouches for it: what it opens has been measured, in
this process or when it was recorded, and has not changed since. Here it is the trusted
cache's own blobs; beyond one machine it may be an object store.
"""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Literal, Protocol

from secureload.cache.layout import Layout
from secureload.digests import sha256_descriptor
from secureload.errors import CacheError, IntegrityError
from secureload.gateway.aside import Once, aside
from secureload.ledger import store as admissions
from secureload.ledger.database import Database
from secureload.ledger.records import Stamp

CHUNK_BYTES = 1 << 20
"""How much is read at once where the bytes cannot go to the socket directly."""

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
"""What says that a blob is not there, or that something else is."""


class Content(Protocol):
    """An open file of known content."""

    @property
    def descriptor(self) -> int | None:
        """A descriptor that `sendfile` may read at any offset, or None where there is none."""

    def chunks(self, begin: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `begin` to before `end`."""

    async def close(self) -> None:
        """Give it back."""


class Store(Protocol):
    """Content by its SHA-256."""

    async def open(self, sha256: str, size: int, *, check: Literal["always", "changed"]) -> Content:
        """Open a blob whose bytes are vouched for.

        Raises:
            IntegrityError: it is missing, or its bytes are not those.
            CacheError: whether it is there cannot be told now.
        """

    async def keep(self, sha256: str, path: Path) -> None:
        """Bring in a blob that a worker has published; nothing to do where it lies there."""


class FolderStore:
    """The blobs of the trusted cache on this machine."""

    def __init__(self, layout: Layout, ledger: Database) -> None:
        self._layout = layout
        self._ledger = ledger
        self._measured: dict[str, Stamp] = {}
        self._once = Once()

    async def open(self, sha256: str, size: int, *, check: Literal["always", "changed"]) -> Content:
        """See `Store.open`. Bytes are measured once a process unless their record vouches.

        However many ask at once, one measures and the others wait.
        """
        descriptor = self._descriptor(sha256)
        try:
            stamp = Stamp.of(os.fstat(descriptor))
            if self._measured.get(sha256) != stamp:
                key = (sha256, stamp, size, check)
                await self._once.aside(key, self._measure, stamp, sha256, size, check)
                self._measured[sha256] = stamp
        except BaseException:
            os.close(descriptor)
            raise
        return _File(descriptor)

    async def keep(self, sha256: str, path: Path) -> None:
        """Nothing to do: the worker has published it here."""

    def _descriptor(self, sha256: str) -> int:
        path = self._layout.blob(sha256)
        try:
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            if error.errno not in _ABSENT:
                raise CacheError(
                    f"the content {sha256[:12]} cannot be opened: {error.strerror}",
                    hint="it may be there all the same; `ulimit -n` and the disk's state tell more",
                ) from error
            raise IntegrityError(
                f"the content {sha256[:12]} is missing: {error.strerror}",
                hint="`secureload cache verify` says what else is; admit the model anew",
            ) from error

    def _measure(self, stamp: Stamp, sha256: str, size: int, check: str) -> None:
        if stamp.size != size:
            raise _changed(sha256)
        if check == "changed":
            with self._ledger.read() as session:
                if stamp in admissions.stamps(session, sha256):
                    return
        # A descriptor of its own: whoever asked first may have gone away and closed theirs.
        descriptor = self._descriptor(sha256)
        try:
            same = Stamp.of(os.fstat(descriptor)) == stamp
            if not same or sha256_descriptor(descriptor) != sha256:
                raise _changed(sha256)
        finally:
            os.close(descriptor)


class _File:
    def __init__(self, descriptor: int) -> None:
        self.descriptor: int | None = descriptor

    async def chunks(self, begin: int, end: int) -> AsyncIterator[bytes]:
        while begin < end and self.descriptor is not None:
            data = await aside(os.pread, self.descriptor, min(CHUNK_BYTES, end - begin), begin)
            if not data:
                raise IntegrityError("a file became shorter while it was sent")
            begin += len(data)
            yield data

    async def close(self) -> None:
        if self.descriptor is not None:
            with suppress(OSError):
                os.close(self.descriptor)
            self.descriptor = None


def _changed(sha256: str) -> IntegrityError:
    return IntegrityError(
        f"the content {sha256[:12]} has changed on disk",
        hint="nothing was served; `secureload cache verify` says what else has",
    )
