"""The socket that a process listens on, taken before anything else is done."""

from __future__ import annotations

import socket

from secureload.errors import UsageError


def bind(host: str, port: int) -> socket.socket:
    """Take an address; port 0 is any that is free.

    Raises:
        UsageError: it is taken, or not ours to take.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family[0], family[1])
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(family[4])
        listening.listen(4_096)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            hint="choose another --port or --host",
        ) from error
    listening.setblocking(False)
    return listening
