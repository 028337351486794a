"""Whether the service can do its work: each part tried for real, and remembered shortly.

Ready means that a request would succeed: the ledger answers, the disk takes a file, the policy
with its trust roots and waivers is valid, the operator's key can be read, and a worker process
comes up. What fails is named by its part; what went wrong with it goes to the log.

The object store, if there is one, is tried and told too, and is not needed: what lies on this
machine's disk is served without it, and it is away for every front end at the same time. A
load balancer that took them all out would make less of it, not more.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from secureload.errors import CacheError, SecureloadError
from secureload.gateway.aside import apart

if TYPE_CHECKING:
    from secureload.gateway.parts import Services
    from secureload.ledger.database import Database

_LOG = logging.getLogger("secureload.health")

FRESH = 5.0
"""Seconds for which an answer stands: probes come from everyone, work must not."""

_WORKERS_FRESH = 60.0
"""The same for the start of a process, which costs some milliseconds of CPU time."""

_SECONDS = 15.0
"""When a part counts as failed that does not answer."""

SPARED = frozenset({"objects"})
"""Parts without which a front end has work that it can do, so that it stays ready."""

Check = Callable[[], Awaitable[None]]


class Health:
    """The parts of a service, each with a check of its own."""

    def __init__(
        self, checks: Mapping[str, Check], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._checks = checks
        self._clock = clock
        self._found: dict[str, tuple[float, str]] = {}
        self._lock = asyncio.Lock()

    async def parts(self) -> dict[str, str]:
        """Each part: `ok`, or why not, in words that may be shown to anyone."""
        async with self._lock:
            await asyncio.gather(*(self._look(name) for name in self._checks))
        return {name: self._found[name][1] for name in self._checks}

    async def _look(self, name: str) -> None:
        found = self._found.get(name)
        if found is not None and self._clock() < found[0]:
            return
        state, good_for = "ok", _WORKERS_FRESH if name == "workers" else FRESH
        try:
            async with asyncio.timeout(_SECONDS):
                await self._checks[name]()
        except Exception as error:
            late = isinstance(error, TimeoutError) and not isinstance(error, SecureloadError)
            state = f"no answer within {_SECONDS:.0f} s" if late else type(error).__name__
            good_for = FRESH
            _LOG.warning("%s: not ready: %s: %s", name, type(error).__name__, error)
        self._found[name] = (self._clock() + good_for, state)


def checks(parts: Services) -> dict[str, Check]:
    """What a service needs, by name."""
    settings = parts.config.settings

    def folder() -> None:
        place = settings.home / f".ready-{secrets.token_hex(8)}"
        try:
            place.write_bytes(b"ready")
            same = place.read_bytes() == b"ready"
            place.unlink()
        except OSError as error:
            raise CacheError(f"the store takes no file: {error.strerror or error}") from error
        if not same:
            raise CacheError("the store does not give back what it was given")

    def keys() -> None:
        from secureload.evidence import operator

        parts.catalogue.policy()
        path = operator.configured(settings.home)
        if path is not None:
            operator.load(path)

    found: dict[str, Check] = {
        "database": lambda: apart(lambda: read(parts.ledger)),
        "store": lambda: apart(folder),
        "keys": lambda: apart(keys),
        "workers": parts.jobs.ready,
    }
    objects: Check | None = getattr(parts.store, "ready", None)
    return found if objects is None else {**found, "objects": objects}


def read(ledger: Database) -> None:
    """See that the ledger answers.

    Raises:
        CacheError: it does not.
    """
    from secureload.ledger import audit

    with ledger.read() as session:
        audit.checkpoint(session)
