"""What the servers here share: a free port, HTTP on loopback, and `secureload` as a process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


class Loopback:
    """A server at `url` that answers while its context lasts."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def begin(
    verb: str, *options: str, home: Path, log: Path, environment: Mapping[str, str]
) -> subprocess.Popen[str]:
    """Start `secureload VERB` with a home of its own; standard error goes to the end of `log`."""
    with log.open("a") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "secureload.cli", verb, *options],
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "SECURELOAD_HOME": str(home),
                **environment,
            },
        )


def end(process: subprocess.Popen[str], *, frozen: bool = False) -> int:
    """End it as an operator would, thawed first where it may be `frozen`; its exit code."""
    if process.poll() is None:
        if frozen:
            process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(120)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
