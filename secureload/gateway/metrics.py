"""Figures for Prometheus: requests by route and status, and what this process handed out.

No label has a value that clients choose: routes are rows of the table, rules those there are.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

_BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0)
LONG = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1_800.0, 7_200.0)
"""Limits in seconds between which admissions and their stages are counted."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE"})


class Metrics:
    """The figures of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = self._counter(
            "requests", "Requests answered.", "route", "method", "status"
        )
        self._seconds = Histogram(
            "secureload_request_seconds",
            "Seconds from a request to the end of its answer.",
            ["route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._labelled: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._running = 0
        running = self._gauge("requests_running", "Requests being answered.")
        running.set_function(lambda: self._running)
        self._jobs = self._gauge("jobs", "Jobs not finished.", "state")
        self.age = self._gauge("queue_age_seconds", "Age of the job that waits longest.")
        self.served = self._counter("served_bytes", "Bytes of files given to clients.")
        self.cache = self._counter(
            "cache", "Revisions asked for, by whether they were admitted already.", "result"
        )
        self.upstream = self._counter("upstream_requests", "Questions to the hub.", "result")
        self.limited = self._counter("limited", "Requests turned away by a limit.", "limit")
        self.verdicts = self._counter("verdicts", "Verdicts.", "decision")
        self.rules = self._counter(
            "verdict_rules", "Rules that refused (enforce), warned, or were waived.", "rule", "mode"
        )
        self.signatures = self._counter(
            "signature_failures", "Verdicts on a signature that does not hold.", "status"
        )
        self.ended = self._counter("jobs_ended", "Jobs that have ended.", "kind", "state")
        self.latency = Histogram(
            "secureload_admission_seconds",
            "Seconds from the request for an admission to its end.",
            ["state"],
            buckets=LONG,
            registry=self.registry,
        )
        self.stage = Histogram(
            "secureload_stage_seconds",
            "Seconds of one stage of the gate.",
            ["stage"],
            buckets=LONG,
            registry=self.registry,
        )
        self.bytes = self._counter("gate_bytes", "Bytes that the gate worked on.", "work")
        self.expiring = self._gauge("waivers_expiring", "Waivers that end within 7 days.")
        self.sound = self._gauge(
            "part_ok", "Whether a part worked (1) or not (0) when /readyz last tried it.", "part"
        )
        self._looked = {result: self.cache.labels(result) for result in ("hit", "miss")}

    def begun(self) -> None:
        """Note that a request has begun; from the event loop only, which is one thread."""
        self._running += 1

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one that ended; `route` is a row's name, empty for a path that is in none."""
        self._running -= 1
        known = method if method in _METHODS else "other"
        key = (route or "none", known, status)
        found = self._labelled.get(key)
        if found is None:
            counter = self._requests.labels(route or "none", known, str(status))
            found = self._labelled[key] = (counter, self._seconds.labels(route or "none"))
        found[0].inc()
        found[1].observe(seconds)

    def looked(self, result: str) -> None:
        """Count a revision asked for: `hit` or `miss`."""
        self._looked[result].inc()

    def asked(self, result: str) -> None:
        """Count a question to the hub by how it ended."""
        self.upstream.labels(result).inc()

    def turned_away(self, limit: str) -> None:
        """Count a request that a limit turned away."""
        self.limited.labels(limit).inc()

    def text(self, *, running: int, queued: int) -> tuple[bytes, str]:
        """The figures as Prometheus reads them, and their content type."""
        self._jobs.labels("running").set(running)
        self._jobs.labels("queued").set(queued)
        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"secureload_{name}", about, labels, registry=self.registry)

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(f"secureload_{name}", about, labels, registry=self.registry)
