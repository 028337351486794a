"""What passes between the gate and a worker: JSON with a length before it, and nothing else.

The worker is not trusted. Its messages are bounded, decoded as JSON, and must fit a type
that the gate names; nothing in them is ever an object to be made, a path to be opened or a
program to be run.
"""

from __future__ import annotations

import enum
import json
import os
import select
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from secureload.sandbox.typed import fit

_T = TypeVar("_T")

_HEADER = 4
_PIECE = 1 << 20


class LostError(Exception):
    """The other side is gone, silent, or talks nonsense; the message says which."""


class Channel:
    """Descriptors that carry messages, one or two of them. Either side may block on it."""

    def __init__(self, incoming: int, outgoing: int, *, most: int = 1 << 30) -> None:
        self.incoming = incoming
        self.outgoing = outgoing
        self.most = most

    def send(self, message: object) -> None:
        """Send one message.

        Raises:
            LostError: nobody reads it.
        """
        data = encoded(message)
        data = len(data).to_bytes(_HEADER, "big") + data
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self.outgoing, view) :]
        except OSError as error:
            raise LostError("it is gone") from error

    def close(self) -> None:
        """Let go of both descriptors."""
        for descriptor in {self.incoming, self.outgoing}:
            os.close(descriptor)

    def receive(
        self,
        type_: type[_T],
        *,
        within: float | None = None,
        watch: Callable[[], None] | None = None,
    ) -> _T:
        """Wait for one message and return it as a `type_`.

        `within` seconds it must be whole; `watch` is called every tenth of a second meanwhile.

        Raises:
            LostError: the other side is gone, or sent none, or something else.
        """
        until = None if within is None else time.monotonic() + within
        length = int.from_bytes(self._exactly(_HEADER, until, watch), "big")
        if length > self.most:
            raise LostError(f"it sent a message of {length} bytes; at most {self.most} are taken")
        return decoded(self._exactly(length, until, watch), type_)

    def _exactly(self, count: int, until: float | None, watch: Callable[[], None] | None) -> bytes:
        pieces = []
        while count:
            self._wait(until, watch)
            try:
                piece = os.read(self.incoming, min(count, _PIECE))
            except OSError as error:
                raise LostError("it is gone") from error
            if not piece:
                raise LostError("it is gone")
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)

    def _wait(self, until: float | None, watch: Callable[[], None] | None) -> None:
        if until is None and watch is None:
            return
        poll = select.poll()
        poll.register(self.incoming, select.POLLIN)
        while not poll.poll(100):
            if watch is not None:
                watch()
            if until is not None and time.monotonic() > until:
                raise LostError("it gave no answer in time")


def encoded(message: object) -> bytes:
    """JSON of a message; text that is not Unicode, as in odd file names, survives."""
    text = json.dumps(message, ensure_ascii=True, separators=(",", ":"), default=_plain)
    return text.encode("ascii")


def decoded(data: bytes, type_: type[_T]) -> _T:
    """Read a message as a `type_`, strictly.

    Raises:
        LostError: it is none.
    """
    try:
        return fit(json.loads(data), type_)
    except (ValueError, RecursionError) as error:
        raise LostError(f"it sent something else than was asked for ({str(error)[:200]})") from None


def _plain(value: Any) -> Any:
    fields = getattr(type(value), "__frozen_fields__", None)
    if fields is not None:
        return {name: getattr(value, name) for name in fields}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    return os.fspath(value)
