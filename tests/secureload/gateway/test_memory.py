"""Memory: a request is gone when it is answered, without anybody looking for cycles."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from secureload.cache.layout import Layout
from secureload.gateway import memory, server
from secureload.gateway.config import Config
from secureload.gateway.metrics import Metrics
from secureload.gateway.parts import Services, services
from secureload.gateway.sending import Receive, Scope, Send, file_headers, send_file
from secureload.gateway.server import SendfileProtocol, application
from secureload.gateway.store import FolderStore
from secureload.gateway.watching import Watched
from secureload.ledger.database import Database
from secureload.settings import Settings

CONTENT = b"weights " * 40_000
OURS = ("secureload.", "uvicorn.")


@pytest.fixture
def untouched() -> Iterator[None]:
    """Put the collector back as it was."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_what_is_here_for_good_is_set_aside(untouched: None) -> None:
    gc.set_threshold(50_000)  # as the command line does
    memory.settle()
    assert gc.get_threshold() == (700, 10, 10)
    assert gc.get_freeze_count() > 1_000
    assert len(gc.get_objects()) < gc.get_freeze_count()


def test_the_service_settles_before_it_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, untouched: None
) -> None:
    seen: list[tuple[int, int, int]] = []
    monkeypatch.setattr(
        uvicorn.Server, "run", lambda self, sockets: seen.append(gc.get_threshold())
    )
    gc.set_threshold(50_000)
    server.run(parts(tmp_path), None)  # type: ignore[arg-type]
    assert seen == [(700, 10, 10)]


COUNTED = """
import ctypes, os, sys, tempfile, threading
from secureload.gateway import memory

memory.settle()
meeting, done = threading.Barrier(20), threading.Barrier(21)
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
library.fopen.restype = ctypes.c_void_p

def work():
    meeting.wait()
    library.malloc(100_000)
    done.wait()

threads = [threading.Thread(target=work) for _ in range(20)]
for thread in threads:
    thread.start()
done.wait()
with tempfile.NamedTemporaryFile() as told:
    stream = ctypes.c_void_p(library.fopen(told.name.encode(), b"w"))
    library.malloc_info(0, stream)
    library.fclose(stream)
    print(told.read().count(b"<heap nr="))
"""


def heaps(**environment: str) -> int:
    """How many heaps glibc has made in a process that settled, and then had twenty threads."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", COUNTED]
    done = subprocess.run(
        command, env={**plain, **environment}, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's own heaps")
def test_threads_share_few_heaps_unless_the_environment_says_otherwise() -> None:
    assert heaps() <= 2
    assert heaps(MALLOC_ARENA_MAX="7") == 7
    assert heaps(GLIBC_TUNABLES="glibc.malloc.arena_max=5") == 5


def parts(home: Path) -> Services:
    settings = Settings(home=home, endpoint="http://127.0.0.1:9", policy="default", offline=True)
    return services(Config(settings=settings, policy="default"))


class Serving:
    """The server around an application, in this process."""

    def __init__(self, app: Any) -> None:
        self.state = ServerState()
        self.config = uvicorn.Config(
            app, http=SendfileProtocol, ws="none", lifespan="off", log_config=None, access_log=False
        )
        self.config.load()

    async def asked(self, requests: list[str]) -> list[bytes]:
        """Each request on one connection that stays; the status of each answer."""
        loop = asyncio.get_running_loop()
        here = await loop.create_server(
            lambda: SendfileProtocol(self.config, self.state, {}), "127.0.0.1", 0
        )
        reader, writer = await asyncio.open_connection(*here.sockets[0].getsockname())
        statuses = []
        for text in requests:
            writer.write(f"{text} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
            if not text.startswith("HEAD"):
                await reader.readexactly(length)
            statuses.append(head.split()[1])
        writer.close()
        here.close()
        await here.wait_closed()
        while self.state.connections or self.state.tasks:
            await asyncio.sleep(0.01)
        return statuses


def left(app: Any, request: str, status: bytes) -> set[str]:
    """What only a look for cycles could free after some requests, by the names of its types."""
    serving = Serving(app)

    async def run() -> set[str]:
        await serving.asked([request])  # what is made once and kept
        gc.collect()
        gc.disable()
        try:
            statuses = await serving.asked([request] * 5)
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            kinds = {type(one) for one in gc.garbage}
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
        assert statuses == [status] * 5
        return {kind.__qualname__ for kind in kinds if kind.__module__.startswith(OURS)}

    return asyncio.run(run())


@pytest.mark.parametrize("request_line", ["HEAD /file", "GET /file"])
def test_a_request_for_a_file_leaves_no_cycle(tmp_path: Path, request_line: str) -> None:
    layout = Layout(tmp_path)
    layout.create()
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    blob = layout.blob(sha256)
    blob.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(CONTENT)
    ledger = Database(layout.database, layout.locks / "ledger.lock")
    store, metrics = FolderStore(layout, ledger), Metrics()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with Watched(scope, send, metrics) as watched:
            watched.row = "resolve"
            content = await store.open(sha256, len(CONTENT), check="always")
            try:
                await send_file(
                    scope,
                    watched.send,
                    content,
                    size=len(CONTENT),
                    etag=sha256,
                    headers=file_headers("file", sha256, {}),
                )
            finally:
                await content.close()

    assert left(app, request_line, b"200") == set()


@pytest.mark.parametrize(
    ("request_line", "status"),
    [("GET /livez", b"200"), ("GET /no/such/page/here", b"404"), ("PUT /livez", b"405")],
)
def test_a_request_of_any_kind_leaves_no_cycle(
    tmp_path: Path, request_line: str, status: bytes
) -> None:
    assert left(application(parts(tmp_path)), request_line, status) == set()
