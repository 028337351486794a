"""What one client may take: requests, bytes, downloads at once.

A client is an account of the service, or for those without one an address. Counting is the
`limits` library's sliding window, in this process's memory: each front end counts for itself.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Annotated

import msgspec
from limits import RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, SlidingWindowCounterRateLimiter

from secureload.gateway.principals import Principal
from secureload.gateway.problems import Problem

_EXEMPT = frozenset({"livez", "readyz"})
"""Routes of those who look after the service."""

Positive = Annotated[int, msgspec.Meta(ge=1)]


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Limits for one client; None is none. Sizes are in bytes."""

    requests_per_second: Positive | None = None
    requests_burst: Positive | None = None
    """Requests that may come within one second, while a minute's average holds."""
    bytes_per_minute: Positive | None = None
    downloads: Positive | None = None
    """Files that may be under way at once."""
    upload_bytes: Positive | None = None
    """Largest upload to scan."""


_FREE = nullcontext()
"""For everyone, where there are no limits."""


class TooMany(Problem):
    """The client has had its share; `Retry-After` says when there is more."""

    status, title = 429, "Too many requests"


class Limiter:
    """Counts what clients take. `count` is told of each limit that turned somebody away."""

    def __init__(self, limits: Limits, count: Callable[[str], None] = lambda _limit: None) -> None:
        self._limits = limits
        self._free = limits == Limits()
        self._count = count
        self._under_way: Counter[str] = Counter()
        storage = MemoryStorage()
        self._sliding = SlidingWindowCounterRateLimiter(storage)
        self._fixed = FixedWindowRateLimiter(storage)
        rate = limits.requests_per_second
        self._burst = RateLimitItemPerSecond(limits.requests_burst or rate) if rate else None
        self._rate = RateLimitItemPerMinute(rate * 60) if rate else None
        most = limits.bytes_per_minute
        self._bytes = RateLimitItemPerMinute(most) if most else None

    def held(
        self, principal: Principal, address: str, route: str, taken: Callable[[], int]
    ) -> AbstractContextManager[None]:
        """Let one request of a client pass, and hold its place while it is answered.

        `taken` says how many bytes went to the client; its next request is measured by them.

        Raises:
            TooMany: the client has had its share.
        """
        return _FREE if self._free else self._held(principal, address, route, taken)

    @contextmanager
    def _held(
        self, principal: Principal, address: str, route: str, taken: Callable[[], int]
    ) -> Iterator[None]:
        client = _client(principal, address)
        if route not in _EXEMPT:
            self._check_rate(client)
        if route != "resolve":
            yield
            return
        self._check_bytes(client)
        most = self._limits.downloads
        if most is not None and self._under_way[client] >= most:
            raise self._too_many("downloads", f"{most} downloads at once", 5.0)
        self._under_way[client] += 1
        try:
            yield
        finally:
            self._under_way[client] -= 1
            if not self._under_way[client]:
                del self._under_way[client]
            if self._bytes is not None and (count := taken()):
                self._fixed.hit(self._bytes, "bytes", client, cost=count)

    def unknown(self, address: str) -> None:
        """Count a claim to an account that was not good: tokens are not there to be guessed.

        Raises:
            TooMany: the address has had its share.
        """
        self._check_rate(_address(address))

    def _check_rate(self, client: str) -> None:
        for item in (self._burst, self._rate):
            if item is not None and not self._sliding.hit(item, "requests", client):
                until = self._sliding.get_window_stats(item, "requests", client).reset_time
                raise self._too_many("requests", str(item), until - time.time())

    def _check_bytes(self, client: str) -> None:
        item = self._bytes
        if item is not None and not self._fixed.test(item, "bytes", client):
            until = self._fixed.get_window_stats(item, "bytes", client).reset_time
            raise self._too_many("bytes", f"{item.amount} bytes a minute", until - time.time())

    def _too_many(self, limit: str, what: str, seconds: float) -> TooMany:
        self._count(limit)
        wait = str(max(1, math.ceil(seconds)))
        return TooMany(
            f"more than {what}", hint=f"try again in {wait} seconds", headers={"Retry-After": wait}
        )


def _client(principal: Principal, address: str) -> str:
    return f"account:{principal.name}" if principal.known else _address(address)


def _address(address: str) -> str:
    """An IPv4 address, or the IPv6 network of one customer (/64)."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return f"address:{address}"
    if found.version == 6:
        return f"address:{ipaddress.ip_network((found, 64), strict=False)}"
    return f"address:{found}"
