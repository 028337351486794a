"""A relay on loopback that cuts connections, as networks do.

with Cutting(service.url, after=12 << 20) as relay:
    snapshot_download(..., endpoint=relay.url)
"""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import urlsplit


@dataclass(kw_only=True)
class Cutting:
    """Relays to `url`; the first answer longer than `after` bytes is cut there, once."""

    url_behind: str
    after: int
    cut: bool = False
    heads: list[bytes] = field(default_factory=list)
    """The first bytes of each thing that clients sent."""
    _listening: socket.socket | None = None

    def __enter__(self) -> Cutting:
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._listening is not None
        self._listening.close()

    @property
    def url(self) -> str:
        assert self._listening is not None
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def _accept(self) -> None:
        assert self._listening is not None
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        parts = urlsplit(self.url_behind)
        server = socket.create_connection((parts.hostname or "", parts.port or 80))
        threading.Thread(target=self._up, args=(client, server), daemon=True).start()
        sent = 0
        with contextlib.suppress(OSError), client, server:
            while data := server.recv(1 << 16):
                sent += len(data)
                if sent > self.after and not self.cut:
                    self.cut = True
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(data)

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                self.heads.append(data)
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
