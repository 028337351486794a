"""A client that stops in the middle, or never stops, is waited for, but not for ever."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from uvicorn.server import ServerState

from secureload.gateway.patience import (
    BODY_SECONDS,
    HEAD_BYTES,
    HEAD_SECONDS,
    TAKE_SECONDS,
    PatientProtocol,
)
from secureload.gateway.server import SendfileProtocol
from tests.servers.service import Service

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
CHUNKED = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


class Transport(asyncio.Transport):
    """What a protocol does to its connection."""

    def __init__(self) -> None:
        super().__init__({})
        self.written = b""
        self.closed = self.aborted = self.paused = False
        self.left = 0

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.closed or self.aborted

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def get_write_buffer_size(self) -> int:
        return self.left


class Timer:
    """A call that waits for its time."""

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self.seconds, self.call, self.cancelled = seconds, call, False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """An event loop whose time passes when a test says so, and which runs no request."""

    def __init__(self) -> None:
        self.timers: list[Timer] = []

    def call_later(self, seconds: float, call: Callable[..., None], *arguments: Any) -> Timer:
        self.timers.append(Timer(seconds, lambda: call(*arguments)))
        return self.timers[-1]

    def create_task(self, coroutine: Any) -> asyncio.Future[None]:
        coroutine.close()
        return asyncio.Future(loop=asyncio.new_event_loop())

    @property
    def waits(self) -> list[float]:
        """For how long each timer that stands was set."""
        return [timer.seconds for timer in self.timers if not timer.cancelled]

    def pass_time(self) -> None:
        """Let what stands come to its time."""
        standing = [timer for timer in self.timers if not timer.cancelled]
        self.timers = []
        for timer in standing:
            timer.call()


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """An application that is never run."""


class Connection:
    """A protocol with a client that says what a test says."""

    def __init__(self, *said: bytes) -> None:
        self.loop, self.transport = Loop(), Transport()
        config = uvicorn.Config(nothing, http=PatientProtocol, ws="none", log_config=None)
        self.protocol = PatientProtocol(config, ServerState(), {}, _loop=self.loop)  # type: ignore[arg-type]
        self.protocol.connection_made(self.transport)
        for part in said:
            self.protocol.data_received(part)

    def answered(self) -> None:
        """The request of now is answered."""
        self.protocol.cycle.response_complete = True
        self.protocol.on_response_complete()


def test_the_service_is_patient() -> None:
    assert issubclass(SendfileProtocol, PatientProtocol)


def test_a_connection_without_a_request_is_closed_without_a_word() -> None:
    idle = Connection()
    assert idle.loop.waits == [HEAD_SECONDS]
    idle.loop.pass_time()
    assert (idle.transport.closed, idle.transport.written) == (True, b"")


@pytest.mark.parametrize("said", [GET[:5], GET[:-2], GET[:-1]])
def test_half_a_head_is_told_and_closed(said: bytes) -> None:
    half = Connection(said)
    half.loop.pass_time()
    assert half.transport.closed
    assert half.transport.written.startswith(b"HTTP/1.1 408 ")


def test_more_bytes_of_a_head_give_it_no_more_time() -> None:
    slow = Connection(GET[:5])
    (timer,) = [timer for timer in slow.loop.timers if not timer.cancelled]
    for at in range(5, len(GET) - 1):
        slow.protocol.data_received(GET[at : at + 1])
        assert not timer.cancelled
    slow.protocol.data_received(GET[-1:])
    assert timer.cancelled


def test_a_request_that_is_whole_has_all_the_time() -> None:
    for said in ((GET,), (POST, b"body"), (POST[:9], POST[9:], b"bo", b"dy")):
        whole = Connection(*said)
        assert whole.loop.waits == []
        assert not whole.transport.is_closing()


def test_each_part_of_a_body_gives_the_next_its_time() -> None:
    upload = Connection(POST)
    for part in (b"b", b"o", b"d"):
        assert upload.loop.waits == [BODY_SECONDS]
        upload.protocol.data_received(part)
    upload.loop.pass_time()
    assert upload.transport.closed
    assert upload.transport.written == b""  # somebody answers it, and is told by its end


def test_a_body_that_the_service_does_not_take_is_not_the_clients_fault() -> None:
    upload = Connection(POST, b"b")
    upload.protocol.flow.pause_reading()
    upload.loop.pass_time()
    assert not upload.transport.is_closing()
    assert upload.loop.waits == [BODY_SECONDS]
    upload.protocol.flow.resume_reading()
    upload.loop.pass_time()
    assert upload.transport.closed


def test_between_two_requests_and_in_the_second() -> None:
    kept = Connection(GET)
    kept.answered()
    assert kept.loop.waits == [kept.protocol.timeout_keep_alive]
    kept.protocol.data_received(GET[:5])
    assert kept.loop.waits == [HEAD_SECONDS]
    kept.protocol.data_received(GET[5:])
    assert kept.loop.waits == []
    kept.answered()
    kept.loop.pass_time()
    assert (kept.transport.closed, kept.transport.written) == (True, b"")


def test_the_next_head_does_not_end_the_answer_of_now() -> None:
    pipelined = Connection(GET, GET[:5])
    assert pipelined.loop.waits == []
    pipelined.answered()
    assert len(pipelined.loop.waits) == 1


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * HEAD_BYTES + b" HTTP/1.1\r\n\r\n",
        b"GET /a HTTP/1.1\r\nX: " + b"a" * HEAD_BYTES + b"\r\n\r\n",
        b"GET /a HTTP/1.1\r\n" + b"a: b\r\n" * (HEAD_BYTES // 5) + b"\r\n",
    ],
    ids=["address", "header", "headers"],
)
@pytest.mark.parametrize("step", [1_000, 10_000_000])
def test_a_head_too_long(head: bytes, step: int) -> None:
    long = Connection()
    for at in range(0, len(head), step):
        if not long.transport.is_closing():
            long.protocol.data_received(head[at : at + step])
    assert long.transport.closed
    assert long.transport.written.startswith(b"HTTP/1.1 431 ")
    assert long.loop.waits == []
    assert long.protocol.cycle is None


def test_a_head_that_is_long_enough() -> None:
    most = HEAD_BYTES - len(b"/aX") - 4
    head = b"GET /a HTTP/1.1\r\nX: " + b"a" * most + b"\r\n\r\n"
    for step in (1_000, 10_000_000):
        long = Connection(*(head[at : at + step] for at in range(0, len(head), step)))
        assert not long.transport.is_closing()
        assert long.protocol.cycle is not None


def test_many_requests_and_a_long_body_are_not_one_long_head() -> None:
    many = Connection(GET * 10_000)
    assert not many.transport.is_closing()
    size = 4 * HEAD_BYTES
    head = b"POST /a HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size
    upload = Connection(head, *[b"a" * 1_000] * (size // 1_000), b"a" * (size % 1_000))
    assert not upload.transport.is_closing()
    assert upload.loop.waits == []


@pytest.mark.parametrize("more", [b"X: " + b"a" * 500, b"x" * 500], ids=["trailer", "extension"])
def test_what_is_around_a_body_without_end(more: bytes) -> None:
    begun = b"0\r\n" if more.startswith(b"X") else b"4;a="
    upload = Connection(CHUNKED, begun, *[more.replace(b"\r\n", b"")] * 10)
    assert not upload.transport.is_closing()
    for _ in range(HEAD_BYTES // 400):
        if not upload.transport.is_closing():
            upload.protocol.data_received(b"a" * 500)
    assert upload.transport.closed


def test_a_header_after_the_body_is_none_of_the_request() -> None:
    upload = Connection(CHUNKED, b"1\r\na\r\n0\r\nAuthorization: Bearer x\r\n\r\n")
    assert [name for name, _ in upload.protocol.scope["headers"]] == [b"host", b"transfer-encoding"]
    assert not upload.transport.is_closing()


def test_a_client_that_takes_nothing() -> None:
    slow = Connection(GET)
    slow.transport.left = 100
    slow.protocol.pause_writing()
    slow.transport.left = 99
    slow.loop.pass_time()
    assert not slow.transport.aborted
    assert slow.loop.waits == [TAKE_SECONDS]
    slow.loop.pass_time()
    assert slow.transport.aborted


def test_a_client_that_takes_what_waited_and_one_that_goes() -> None:
    slow = Connection(GET)
    slow.protocol.pause_writing()
    slow.protocol.resume_writing()
    assert slow.loop.waits == []
    gone = Connection(POST)
    gone.protocol.pause_writing()
    gone.protocol.connection_lost(None)
    assert gone.loop.waits == []


def test_the_service_says_so_and_goes_on(service: Service) -> None:
    parts = urlsplit(service.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=60) as link:
        link.sendall(b"GET /livez HTTP/1.1\r\nX: " + b"a" * (HEAD_BYTES + 1) + b"\r\n\r\n")
        assert link.recv(12) == b"HTTP/1.1 431"
    assert service.ask("/livez").status == 200
