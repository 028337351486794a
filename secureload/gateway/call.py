"""One request on its way to its handler."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qs

from secureload.gateway.principals import Principal
from secureload.gateway.problems import Invalid, TooLarge
from secureload.gateway.sending import Receive, Scope, Send


class Call:
    """One request: who asks, the path's fields, the query, headers and body."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        principal: Principal,
        fields: Mapping[str, str],
    ) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.principal = principal
        self.fields = fields
        self.method: str = scope["method"]
        self.raw_path: str = scope["raw_path"].decode("latin-1")
        self.started = time.monotonic()

    @property
    def query(self) -> dict[str, list[str]]:
        """The query's parameters, decoded."""
        text = self.scope["query_string"].decode("latin-1")
        try:
            return parse_qs(text, max_num_fields=200)
        except ValueError as error:
            raise Invalid("the query has too many parameters") from error

    def flag(self, name: str) -> bool:
        """Whether the query says `name=true`."""
        return self.query.get(name, [""])[0].lower() in {"true", "1"}

    def header(self, name: bytes) -> str:
        """A header's value, empty if there is none."""
        for key, value in self.scope["headers"]:
            if key == name:
                return str(value.decode("latin-1"))
        return ""

    async def body(self, most: int) -> bytes:
        """The request's body.

        Raises:
            TooLarge: it is longer than `most` bytes.
        """
        body = bytearray()
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise Invalid("the connection was closed")
            body += message.get("body", b"")
            if len(body) > most:
                raise TooLarge(f"the body is longer than {most} bytes")
            if not message.get("more_body", False):
                return bytes(body)


Handler = Callable[[Call], Awaitable[None]]
"""What answers one row of the table of paths."""
