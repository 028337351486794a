"""Answers go out at once, files in full packets, and nothing of them stays behind."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import resource
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from secureload.gateway.listening import bind
from secureload.gateway.server import _corked
from tests.secureload.gateway.conftest import World
from tests.servers.loopback import ROOT
from tests.servers.service import Service


def cork(link: socket.socket) -> int:
    return link.getsockopt(socket.IPPROTO_TCP, socket.TCP_CORK)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_what_is_written_is_sent_at_once(host: str) -> None:
    async def undelayed() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            link = writer.get_extra_info("socket")
            found.set_result(link.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(answer, sock=bind(host, 0)) as server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
            writer.close()
            return await found

    assert asyncio.run(undelayed()) == 1


def test_packets_are_filled_only_while_a_file_goes_out() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as link,
    ):
        with contextlib.suppress(ConnectionError), _corked(link):
            assert cork(link) == 1
            raise ConnectionError
        assert cork(link) == 0


def test_a_client_that_has_gone_and_a_local_socket_are_no_trouble() -> None:
    ours, theirs = socket.socketpair()
    with _corked(ours):
        pass
    theirs.close()
    ours.close()
    with _corked(ours):
        pass


def test_many_answers_on_one_connection_are_whole(world: World, service: Service) -> None:
    parts = urlsplit(service.url)
    link = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    path = "/org/safe/resolve/main/model.safetensors"
    whole = service.ask(path).body
    for begin, end in ((0, 1), (5, 777), (0, len(whole)), (len(whole) - 1, len(whole))):
        link.request("GET", path, headers={"Range": f"bytes={begin}-{end - 1}"})
        assert link.getresponse().read() == whole[begin:end]
        link.request("GET", "/livez")
        assert link.getresponse().read()
    link.close()


def test_a_service_has_as_many_descriptors_as_it_may(service: Service) -> None:
    assert service.process is not None
    soft, hard = resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE)
    assert soft == hard
    code = (
        "import resource as r; from secureload.gateway.listening import raise_limit;"
        "r.setrlimit(r.RLIMIT_NOFILE, (64, 100)); raise_limit();"
        "print(*r.getrlimit(r.RLIMIT_NOFILE))"
    )
    said = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT)
    assert said.split() == ["100", "100"]
