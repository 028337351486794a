"""The socket that a process listens on, taken before anything else is done, and its limit."""

from __future__ import annotations

import contextlib
import resource
import socket

from secureload.errors import UsageError


def bind(host: str, port: int) -> socket.socket:
    """Take an address; port 0 is any that is free.

    Raises:
        UsageError: it is taken, or not ours to take.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        # With its protocol named: asyncio sends at once only on what it knows to be TCP, and a
        # short answer would wait for a client's delayed acknowledgement, 40 ms, else.
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(4_096)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            hint="choose another --port or --host",
        ) from error
    listening.setblocking(False)
    return listening


def raise_limit() -> None:
    """Let this process have as many descriptors as it may: each connection is one.

    Systems start programs with few, for the sake of those that call `select`, and leave it to
    servers to ask for more.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # what macOS calls most is more than it gives
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
