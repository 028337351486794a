"""Each request watched from its first byte to its last: id, figures, span, access log."""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from secureload import tracing
from secureload.gateway import logs
from secureload.gateway.metrics import Metrics
from secureload.gateway.sending import SENDFILE, Scope, Send

_LOG = logging.getLogger("secureload.access")
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_QUIET = frozenset({"livez", "readyz", "metrics"})
"""Routes that machines ask all the time: logged at level debug."""

_IDS = random.Random()
"""Seeded by the system once, and not asked for each request."""

PRINCIPAL = "secureload.principal"
"""Where in the scope the name of whoever asks is noted."""


class Watched:
    """A request on its way; `send` goes in the place of the server's.

    Inside `with`, whoever answers names the row, and answers through `send`. `traced` says
    whether this process traces.
    """

    def __init__(self, scope: Scope, send: Send, metrics: Metrics, *, traced: bool = False) -> None:
        self.row = ""
        self.status = 500
        self.bytes = 0
        self.id = _given_id(scope) or f"{_IDS.getrandbits(128):032x}"
        self._scope = scope
        self._send = send
        self._metrics = metrics
        self._extensions = scope.get("extensions")
        self._span = _traced(scope, self) if traced else None

    async def send(self, message: Any) -> None:
        """Pass a message on, and remember what it says."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), (b"x-request-id", self.id.encode())]
            message = {**message, "headers": headers}
        elif message["type"] == "http.response.body":
            self.bytes += len(message.get("body", b""))
        await self._send(message)

    def __enter__(self) -> Self:
        scope, extensions = self._scope, self._extensions
        if extensions and (sendfile := extensions.get(SENDFILE)) is not None:

            async def counting(descriptor: int, offset: int, count: int) -> None:
                self.bytes += await sendfile(descriptor, offset, count)

            scope["extensions"] = {**extensions, SENDFILE: counting}
        self._begun = time.monotonic()
        self._token = logs.REQUEST.set(self.id)
        self._metrics.begun()
        if self._span is not None:
            self._span.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        scope, seconds = self._scope, time.monotonic() - self._begun
        if self._span is not None:
            self._span.__exit__(kind, error, trace)
        self._metrics.answered(self.row, scope["method"], self.status, seconds)
        if self.row == "resolve" and self.bytes:
            self._metrics.served.inc(self.bytes)
        _log(scope, self, seconds)
        logs.REQUEST.reset(self._token)
        # What counts holds the request, which holds what counts: it would stay in memory
        # until somebody looks for cycles.
        if self._extensions is not None:
            scope["extensions"] = self._extensions


@contextmanager
def _traced(scope: Scope, watched: Watched) -> Iterator[None]:
    with (
        tracing.continued(_header(scope, b"traceparent")),
        tracing.span("secureload.request", **{"http.request.method": scope["method"]}) as span,
    ):
        try:
            yield
        finally:
            if span is not None:
                span.set_attribute("http.route", watched.row or "none")
                span.set_attribute("http.response.status_code", watched.status)


def _log(scope: Scope, watched: Watched, seconds: float) -> None:
    level = logging.DEBUG if watched.row in _QUIET else logging.INFO
    if not _LOG.isEnabledFor(level):
        return
    # The path without its query, which may hold what is nobody's business.
    path = scope["raw_path"].decode("latin-1")
    fields = {
        "method": scope["method"],
        "path": path,
        "route": watched.row or "none",
        "status": watched.status,
        "bytes": watched.bytes,
        "seconds": round(seconds, 6),
        "client": scope["client"][0] if scope.get("client") else "",
        "principal": scope.get(PRINCIPAL, ""),
        "agent": _header(scope, b"user-agent"),
    }
    logs.event(_LOG, level, "answered", fields)


def _given_id(scope: Scope) -> str:
    """The id that a proxy before this service gave the request, if it looks like one."""
    given = _header(scope, b"x-request-id")
    return given if _ID.fullmatch(given) else ""


def _header(scope: Scope, name: bytes) -> str:
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return ""
