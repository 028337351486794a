"""What a connection may cost before it has said what it wants: time, and bytes.

uvicorn's own protocol waits for ever for a request that was begun, and takes a head of any
length. A few clients that stop in the middle, or never stop, would so have all descriptors
or all memory.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 30.0
"""Longest time from the first byte of a request, or from the connection, to its last header."""

BODY_SECONDS = 60.0
"""Longest wait for the next bytes of a request's body."""

TAKE_SECONDS = 300.0
"""Longest wait for a client to take anything of an answer that waits for it."""

HEAD_BYTES = 64 << 10
"""Longest head: address and headers. Servers commonly allow 8 to 32 KiB."""

_TOO_LONG = "The head of the request is too long."


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol that waits for clients, but not for ever, and reads on, but not on and on.

    A connection between two requests is closed by uvicorn itself (`timeout_keep_alive`).
    """

    _waiting: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None
    _begun = False
    """Whether a request has begun and is not whole yet."""
    _in_body = False
    _head = 0
    """Bytes of the head that is being read, as far as they were told."""
    _unread = 0
    """Bytes that came since anything of a request was understood."""
    _too_long = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request, but not for ever."""
        super().connection_made(transport)
        self._wait(HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Read on, and wait for what is still missing."""
        self._unread += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            self._settle()
            return
        if self._unread > HEAD_BYTES:
            self._close_on(431)
        elif self._in_body:
            self._wait(BODY_SECONDS)
        elif self.cycle is not None and not self.cycle.response_complete:
            self._settle()
        elif self._waiting is None:  # more bytes of a head give it no more time
            self._wait(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._settle()
        if self._taking is not None:
            self._taking.cancel()
        super().connection_lost(exc)

    # -- a client that takes nothing -----------------------------------------------------

    def pause_writing(self) -> None:
        """Wait for the client to take what is written, but not for ever."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """Go on."""
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None
        super().resume_writing()

    def _watch(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._taking = self.loop.call_later(TAKE_SECONDS, self._untaken, left)

    def _untaken(self, before: int) -> None:
        if self.transport.get_write_buffer_size() < before:
            self._watch()
        else:
            self.transport.abort()

    # -- what the parser tells -----------------------------------------------------------

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._unread = self._head = 0
        self._begun = True

    def on_url(self, url: bytes) -> None:
        """A part of the address."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; one after the body changes nothing of a request that is being answered."""
        self._count(len(name) + len(value) + 4)
        if not self._in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        super().on_headers_complete()
        self._unread = self._head = 0
        self._in_body = True

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        super().on_body(body)
        self._unread = 0

    def on_message_complete(self) -> None:
        """The request is whole."""
        super().on_message_complete()
        self._unread = 0
        self._begun = self._in_body = False
        self._settle()

    def send_400_response(self, msg: str) -> None:
        """Say what was wrong, unless an answer is under way already."""
        if self._too_long:
            self._close_on(431)
        else:
            super().send_400_response(msg)

    # -- inside --------------------------------------------------------------------------

    def _count(self, bytes_: int) -> None:
        self._head += bytes_
        if self._head > HEAD_BYTES:
            self._too_long = True
            raise ValueError(_TOO_LONG)  # the parser gives up

    def _wait(self, seconds: float) -> None:
        self._settle()
        self._waiting = self.loop.call_later(seconds, self._waited)

    def _settle(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _waited(self) -> None:
        self._waiting = None
        if self._in_body and self.flow.read_paused:
            self._wait(BODY_SECONDS)  # it is this service that takes its time
        else:
            self._close_on(408)

    def _close_on(self, status: int) -> None:
        """Close the connection, and say why where no answer is under way."""
        self._settle()
        if self.transport.is_closing():
            return
        answering = self.cycle is not None and not self.cycle.response_complete
        if self._begun and not answering:
            self.transport.write(_ANSWERS[status])
        self.transport.close()


def _answer(line: str, detail: str) -> bytes:
    head = f"HTTP/1.1 {line}\r\ncontent-type: text/plain; charset=utf-8\r\n"
    return f"{head}content-length: {len(detail)}\r\nconnection: close\r\n\r\n{detail}".encode()


_ANSWERS = {
    408: _answer("408 Request Timeout", "The request did not come in time."),
    431: _answer("431 Request Header Fields Too Large", _TOO_LONG),
}
