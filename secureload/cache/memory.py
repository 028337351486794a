"""What the ledger remembers of sources and files, whatever was admitted of them."""

from __future__ import annotations

import os
import time
from datetime import datetime
from pathlib import Path

from secureload.cache.store import Store
from secureload.flow import Listing, Source
from secureload.ledger.records import Stamp

_RACY_NS = 2_000_000_000
"""A file changed this recently may change again within one tick of its clock."""


class Memory(Store):
    """Revisions, ids and digests as they were met first, or last."""

    def remember(self, listing: Listing) -> None:
        """Record that a source's revision led to a commit.

        Raises:
            CacheError: the ledger cannot be written.
        """
        from secureload.ledger import memory

        self.layout.create()
        with self._rows(write=True) as rows:
            memory.remember(rows, listing, self._now())

    def latest(self, source: Source) -> str | None:
        """The commit that a revision last led to, among those admitted; None if none is."""
        if not self._has_ledger:
            return None
        from secureload.ledger import memory

        with self._rows() as rows:
            return memory.latest(rows, source)

    def head(self, source: Source) -> str | None:
        """The commit that a revision came to last, of those admitted; None if it came to none."""
        if not self._has_ledger:
            return None
        from secureload.ledger import memory

        with self._rows() as rows:
            return memory.head(rows, source)

    def admitted(self, listing: Listing) -> None:
        """Record that a revision led to a commit which had been admitted before.

        Raises:
            CacheError: the ledger cannot be written.
        """
        from secureload.ledger import memory

        with self._rows(write=True) as rows:
            memory.admitted(rows, listing, self._now())

    def first_id(self, scope: str, identity: str) -> str:
        """The first id met for a repository or account; this one, and recorded, if none was.

        Raises:
            CacheError: the ledger cannot be written.
        """
        from secureload.ledger import memory

        self.layout.create()
        with self._rows(write=True) as rows:
            return memory.first_id(rows, scope, identity, self._now())

    def commits(self, source: Source) -> tuple[str, ...]:
        """Every admitted commit of a repository, oldest admission first."""
        if not self._has_ledger:
            return ()
        from secureload.ledger import memory

        with self._rows() as rows:
            return memory.commits(rows, source)

    def first_seen(self, kind: str, subject: str) -> datetime:
        """When this ledger first met a subject; now, and recorded, if it never did.

        Raises:
            CacheError: the ledger cannot be written.
        """
        from secureload.ledger import memory

        self.layout.create()
        with self._rows(write=True) as rows:
            return memory.first_seen(rows, kind, subject, self._now())

    def known_digest(self, path: Path, status: os.stat_result) -> str | None:
        """The recorded SHA-256 of a file outside the cache, if nothing about it changed."""
        if not self._has_ledger:
            return None
        from secureload.ledger import memory

        with self._rows() as rows:
            return memory.known_digest(rows, path, Stamp.of(status))

    def remember_digest(self, path: Path, status: os.stat_result, sha256: str) -> None:
        """Record the SHA-256 of a file outside the cache, unless it changed just now."""
        if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) < _RACY_NS:
            return
        from secureload.ledger import memory

        self.layout.create()
        with self._rows(write=True) as rows:
            memory.remember_digest(rows, path, Stamp.of(status), sha256)
