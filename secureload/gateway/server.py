"""The service on uvicorn, with files going from the disk to the socket in the kernel."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import socket
import weakref
from collections.abc import Iterator
from typing import Any

import uvicorn

from secureload.gateway import memory
from secureload.gateway.app import App
from secureload.gateway.dashboard import Dashboard
from secureload.gateway.listening import raise_limit
from secureload.gateway.oidc.sign_in import ROWS, SignIn
from secureload.gateway.parts import Services
from secureload.gateway.patience import PatientProtocol
from secureload.gateway.sending import SENDFILE

_PIECE = 8 << 20
"""Bytes handed to the kernel at once."""

_PIECE_SECONDS = 300.0
"""Longest wait for a client to take one piece: 28 kB/s, below which it has gone away."""


class SendfileProtocol(PatientProtocol):
    """The protocol, with `sendfile` as an extension of each request's scope."""

    def on_headers_complete(self) -> None:
        """Start the request as uvicorn does, and let its handler send files."""
        super().on_headers_complete()
        # Weakly: a request that held itself would stay until somebody looks for cycles.
        sendfile = functools.partial(_sendfile, weakref.ref(self.cycle))
        self.scope["extensions"] = {SENDFILE: sendfile}  # type: ignore[dict-item]


async def _sendfile(request: weakref.ref[Any], descriptor: int, offset: int, count: int) -> int:
    """Send a part of an open file as the body of an answer; returns the bytes that went."""
    cycle = request()
    if cycle is None:
        return 0
    loop, begin = asyncio.get_running_loop(), offset
    link = cycle.transport.get_extra_info("socket")
    with os.fdopen(os.dup(descriptor), "rb", buffering=0) as file, _corked(link):
        end = offset + count
        while offset < end:
            piece = min(_PIECE, end - offset)
            try:
                async with asyncio.timeout(_PIECE_SECONDS):
                    sent = await loop.sendfile(cycle.transport, file, offset, piece)
            except (OSError, RuntimeError, TimeoutError):
                # The client has gone, or takes nothing: there is nobody to tell.
                cycle.disconnected = True
                cycle.transport.abort()
                return offset - begin
            if sent == 0:
                raise EOFError("a file became shorter while it was sent")
            offset += sent
    cycle.expected_content_length -= count
    return count


@contextlib.contextmanager
def _corked(link: socket.socket) -> Iterator[None]:
    """Have packets filled while a file goes out, as web servers do: tcp(7), `TCP_CORK`.

    What is left in the last one goes out at the end. Elsewhere than on Linux, and where the
    client has gone, nothing changes.
    """

    def cork(value: int) -> None:
        with contextlib.suppress(AttributeError, OSError):
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, value)

    cork(1)
    try:
        yield
    finally:
        cork(0)


def application(parts: Services) -> App:
    """The whole service: the front, the API, the dashboard, and a company's sign-in if named."""
    pages = Dashboard(parts)
    people = [provider for provider in parts.config.oidc if provider.for_people]
    if not people:
        return App(parts, pages=pages)

    async def begin(token: str) -> tuple[bytes, bytes]:
        return pages.sessions.header(await pages.sessions.begin(token))

    signing_in = SignIn(people[0], parts.ledger, parts.config.public_url, begin)
    return App(parts, rows=ROWS, handlers=signing_in.handlers(), pages=pages)


def run(parts: Services, listening: socket.socket) -> None:
    """Serve until told to end; requests in progress are finished first."""
    config = uvicorn.Config(
        application(parts),
        http=SendfileProtocol,
        loop="asyncio",  # uvloop has no sendfile
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(parts.config.shutdown),
        timeout_keep_alive=30,
        backlog=4_096,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    server = uvicorn.Server(config)
    memory.settle()
    raise_limit()
    server.run(sockets=[listening])
