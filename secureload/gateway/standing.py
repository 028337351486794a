"""Figures that the ledger has: what was decided since this process began, and what waits.

Jobs may be done by workers elsewhere, so they are read from the ledger, which all of them
write. Each front end counts the whole of it: take the highest, not the sum.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec

from secureload.gateway.aside import aside
from secureload.gateway.catalogue import Catalogue
from secureload.gateway.metrics import Metrics
from secureload.ledger import figures
from secureload.ledger.database import Database
from secureload.tracing import STAGES

FRESH = 2.0
"""Seconds for which a look at the ledger is good: anybody may ask for the figures."""

_OVERLAP = timedelta(seconds=60)
"""How much later than its own time a row may become visible: the longest transaction."""

_ROWS = 10_000
"""Most rows read at one look; the others come with the next."""

_EXPIRES = timedelta(days=7)
_GOOD = frozenset({"verified", "unsigned", "platform-attested"})
_UNNAMED = "other"


class Standing:
    """Brings a service's figures up to date."""

    def __init__(
        self,
        metrics: Metrics,
        ledger: Database,
        catalogue: Catalogue,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._metrics = metrics
        self._ledger = ledger
        self._catalogue = catalogue
        self._clock = clock
        self._jobs = _Cursor(clock())
        self._verdicts = _Cursor(clock())
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def refresh(self) -> None:
        """Read what has come since the last look.

        Raises:
            CacheError: the ledger cannot be read.
            PolicyError: the policy is not valid.
        """
        async with self._lock:
            if time.monotonic() < self._until:
                return
            await aside(self._read)
            self._until = time.monotonic() + FRESH

    def _read(self) -> None:
        metrics, now = self._metrics, self._clock()
        with self._ledger.read() as session:
            waiting = figures.waiting(session)
            jobs = figures.ended(session, self._jobs.since, limit=_ROWS)
            verdicts = figures.judged(session, self._verdicts.since, limit=_ROWS)
        oldest = waiting.get("queued", (0, ""))[1]
        age = (now - datetime.fromisoformat(oldest)).total_seconds() if oldest else 0.0
        metrics.age.set(max(0.0, age))
        for job in self._jobs.new((job.finished_at, job.id, job) for job in jobs):
            self._job(job)
        for verdict in self._verdicts.new((at, one.id, one) for at, one in verdicts):
            self._verdict(verdict)
        last = now.date() + _EXPIRES
        waivers = self._catalogue.policy().waivers
        metrics.expiring.set(sum(now.date() <= waiver.expires <= last for waiver in waivers))

    def _job(self, job: figures.Ended) -> None:
        metrics = self._metrics
        metrics.ended.labels(job.kind, job.state).inc()
        if job.kind == "admit":
            begun = datetime.fromisoformat(job.created_at)
            seconds = (datetime.fromisoformat(job.finished_at) - begun).total_seconds()
            metrics.latency.labels(job.state).observe(max(0.0, seconds))
        for name, value in msgspec.json.decode(job.document).get("figures", {}).items():
            what, _, unit = name.rpartition("_")
            if unit == "seconds" and what in STAGES:
                metrics.stage.labels(what).observe(value)
            elif unit == "bytes" and what in {"scanned", "converted"}:
                metrics.bytes.labels(what).inc(value)

    def _verdict(self, verdict: figures.Judged) -> None:
        self._metrics.verdicts.labels(verdict.decision).inc()
        said = msgspec.json.decode(verdict.document)
        for mode, rules in (
            ("enforce", _rules(said.get("reasons", ()))),
            ("warn", _rules(said.get("warnings", ()))),
            ("waived", _rules(said.get("waived", ()))),
        ):
            for rule in rules:
                self._metrics.rules.labels(rule, mode).inc()
        if verdict.signature is not None and verdict.signature not in _GOOD:
            self._metrics.signatures.labels(verdict.signature).inc()


class _Cursor:
    """Rows in the order of their time, each handed out once."""

    def __init__(self, begun: datetime) -> None:
        self._begun = self._last = begun
        self._seen: dict[str, str] = {}

    @property
    def since(self) -> str:
        """From when on rows are wanted, some of them again."""
        return max(self._begun, self._last - _OVERLAP).isoformat(timespec="microseconds")

    def new(self, rows: Any) -> list[Any]:
        """Those of (time, id, row) that were not there before."""
        found = []
        for at, id_, row in rows:
            if id_ not in self._seen:
                self._seen[id_] = at
                found.append(row)
            self._last = max(self._last, datetime.fromisoformat(at))
        since = self.since
        self._seen = {id_: at for id_, at in self._seen.items() if at >= since}
        return found


def _rules(reasons: Any) -> set[str]:
    return {rule if (rule := one.get("rule", "")) in _known() else _UNNAMED for one in reasons}


@cache
def _known() -> frozenset[str]:
    """The rules there are: the scanner's, the policy's topics, and the gate's own."""
    import msgspec.structs

    from scanner.rules import rules
    from secureload.policy.topics import Topics

    own = {"attestation", "identity", "integrity", "owner", "recalled", "remote-code"}
    own |= {"unread", "unscanned", "waiver", "policy"}
    topics = {field.encode_name for field in msgspec.structs.fields(Topics)}
    return frozenset(
        own
        | topics
        | {field.name for field in msgspec.structs.fields(Topics)}
        | {rule.id for rule in rules()}
    )
