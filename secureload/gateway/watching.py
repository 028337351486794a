"""Each request watched from its first byte to its last: id, figures, span, access log."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from secureload import tracing
from secureload.gateway import logs
from secureload.gateway.metrics import Metrics
from secureload.gateway.sending import SENDFILE, Scope, Send

_LOG = logging.getLogger("secureload.access")
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_QUIET = frozenset({"livez", "readyz", "metrics"})
"""Routes that machines ask all the time: logged at level debug."""

PRINCIPAL = "secureload.principal"
"""Where in the scope the name of whoever asks is noted."""


class Watched:
    """A request on its way; `send` goes in the place of the server's."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.row = ""
        self.status = 500
        self.bytes = 0
        self.id = _given_id(scope) or secrets.token_hex(16)
        self._send = send
        extensions = scope.get("extensions") or {}
        if (sendfile := extensions.get(SENDFILE)) is not None:

            async def counting(descriptor: int, offset: int, count: int) -> None:
                self.bytes += await sendfile(descriptor, offset, count)

            scope["extensions"] = {**extensions, SENDFILE: counting}

    async def send(self, message: Any) -> None:
        """Pass a message on, and remember what it says."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), (b"x-request-id", self.id.encode())]
            message = {**message, "headers": headers}
        elif message["type"] == "http.response.body":
            self.bytes += len(message.get("body", b""))
        await self._send(message)


@asynccontextmanager
async def watch(scope: Scope, send: Send, metrics: Metrics) -> AsyncIterator[Watched]:
    """Watch one request; what is inside names the row, and answers through `Watched.send`."""
    watched, begun = Watched(scope, send), time.monotonic()
    token = logs.REQUEST.set(watched.id)
    metrics.running(1)
    try:
        if tracing.is_on():
            with _traced(scope, watched):
                yield watched
        else:
            yield watched
    finally:
        seconds = time.monotonic() - begun
        metrics.running(-1)
        metrics.request(watched.row, scope["method"], watched.status, seconds)
        if watched.row == "resolve":
            metrics.served.inc(watched.bytes)
        _log(scope, watched, seconds)
        logs.REQUEST.reset(token)


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
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")
