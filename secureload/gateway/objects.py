"""Content from an object store, copied to this machine and measured before its first byte goes.

Front ends keep nothing that cannot be fetched again: a copy that is missing or changed is
fetched anew, and what the store gives is served only if it is what its name says.
"""

from __future__ import annotations

from typing import Literal

from secureload.cache.layout import Layout, troubles
from secureload.cache.objects import Objects, blob
from secureload.cache.work import work
from secureload.errors import IntegrityError
from secureload.gateway.aside import Once, apart
from secureload.gateway.store import Content, FolderStore
from secureload.ledger.database import Database


class ObjectStore:
    """A `Store` over an object store, with the cache's own blobs as its copies."""

    def __init__(self, layout: Layout, ledger: Database, url: str) -> None:
        self._layout = layout
        self._objects = Objects(url)
        self._copies = FolderStore(layout, ledger)
        self._once = Once()

    async def open(self, sha256: str, size: int, *, check: Literal["always", "changed"]) -> Content:
        """See `Store.open`. Each copy is measured once a process, whatever the policy says.

        Raises:
            CacheError: the object store does not answer.
        """
        # How files look is on record as another machine saw them, so nothing vouches but bytes.
        try:
            return await self._copies.open(sha256, size, check="always")
        except IntegrityError:
            await self._once.aside(sha256, self._fetch, sha256, size)
        return await self._copies.open(sha256, size, check="always")

    async def ready(self) -> None:
        """See that the object store answers.

        Raises:
            CacheError: it does not.
        """
        await apart(self._objects.answers)

    async def keep(self, sha256: str, path: object) -> None:
        """Nothing to do: workers publish to the object store before they say so."""

    def _fetch(self, sha256: str, size: int) -> None:
        with work(self._layout) as scratch, troubles(self._layout.home):
            blob(self._layout, self._objects, sha256, size, scratch)
