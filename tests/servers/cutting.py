"""A relay on loopback that cuts connections, as networks do.

with Cutting(url_behind=service.url, after=12 << 20) as relay:
    snapshot_download(..., endpoint=relay.url)
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import urlsplit


@dataclass(kw_only=True)
class Cutting:
    """Relays to `url_behind`, and cuts a connection on which more than `after` bytes came back.

    With `sending` it is what clients send that is counted. `before` is called before each cut.
    """

    url_behind: str
    after: int
    times: int = 1
    sending: bool = False
    before: Callable[[], None] = lambda: None
    cut: int = 0
    """How many connections were cut."""
    heads: list[bytes] = field(default_factory=list)
    """How each piece began that clients sent."""
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
        try:
            server = socket.create_connection((parts.hostname or "", parts.port or 80))
        except OSError:  # nobody is there, and so is nobody here
            client.close()
            return
        up = threading.Thread(target=self._pass_on, args=(client, server, True), daemon=True)
        up.start()
        with client, server:
            self._pass_on(server, client, False)
            up.join()

    def _pass_on(self, source: socket.socket, target: socket.socket, sending: bool) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                passed += len(data)
                if sending:
                    self.heads.append(data[:1_000])
                if sending == self.sending and passed > self.after and self.cut < self.times:
                    self.cut += 1
                    self.before()
                    for end in (source, target):
                        end.shutdown(socket.SHUT_RDWR)
                    return
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
