"""The audit log as its readers see it: verify, export, checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from secureload.ledger.audit import Checkpoint
    from secureload.ledger.database import Database


class AuditLog:
    """Read access to one ledger's audit log; a ledger not yet made has an empty one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def verify(self, *, count: int | None = None, head: str | None = None) -> list[str]:
        """Say which rows are not as they were written, or are missing; nothing if all is well.

        `count` and `head` are a checkpoint exported earlier: without one, rows cut off the
        end cannot be missed.

        Raises:
            CacheError: the ledger cannot be read.
        """
        from secureload.ledger import audit

        checkpoint = None
        if count is not None and head is not None:
            checkpoint = audit.Checkpoint(count=count, head=head)
        if not self._database.exists:
            missing = f"the audit log is empty; the checkpoint had {count} rows"
            return [missing] if count else []
        with self._database.read() as session:
            return list(audit.verify(session, checkpoint))

    def export(self) -> Iterator[str]:
        """Yield each row as one line of canonical JSON, oldest first, without line ends.

        Raises:
            CacheError: the ledger cannot be read.
        """
        from secureload.ledger import audit

        if self._database.exists:
            with self._database.read() as session:
                yield from audit.export(session)

    def checkpoint(self) -> Checkpoint:
        """The number of rows and the last digest, to be kept somewhere else.

        Raises:
            CacheError: the ledger cannot be read.
        """
        from secureload.ledger import audit

        if not self._database.exists:
            return audit.Checkpoint(count=0, head=audit.GENESIS)
        with self._database.read() as session:
            return audit.checkpoint(session)
