"""Figures for Prometheus: requests by route and status, how long they took, jobs."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

_BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0)


class Metrics:
    """The figures of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "secureload_requests",
            "Requests answered.",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "secureload_request_seconds",
            "Seconds from a request to the end of its answer.",
            ["route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._labelled: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._jobs = Gauge(
            "secureload_jobs", "Jobs not finished.", ["state"], registry=self.registry
        )

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request; `route` is a row's name, empty for a path that is in none."""
        known = method if method in {"GET", "HEAD", "POST", "PUT", "DELETE"} else "other"
        key = (route or "none", known, status)
        found = self._labelled.get(key)
        if found is None:
            counter = self._requests.labels(route or "none", known, str(status))
            found = self._labelled[key] = (counter, self._seconds.labels(route or "none"))
        found[0].inc()
        found[1].observe(seconds)

    def text(self, *, running: int, queued: int) -> tuple[bytes, str]:
        """The figures as Prometheus reads them, and their content type."""
        self._jobs.labels("running").set(running)
        self._jobs.labels("queued").set(queued)
        return generate_latest(self.registry), CONTENT_TYPE_LATEST
