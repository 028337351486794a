"""Answers with bytes: JSON, and files by range, from the disk to the socket where it can be."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any
from urllib.parse import quote

from secureload.gateway.store import Content

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

SENDFILE = "secureload.sendfile"
"""A server's extension of the scope: `await sendfile(descriptor, offset, count)`."""

_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")

_CONTENT = (
    # What a repository holds is data: no browser may take it for a page of this service.
    (b"content-type", b"application/octet-stream"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; sandbox"),
    (b"accept-ranges", b"bytes"),
    (b"cache-control", b"private, no-cache"),
)


async def send_json(
    send: Send, value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> None:
    """Answer with a JSON document."""
    body = json.dumps(value).encode("ascii")
    named = {"content-type": "application/json", "cache-control": "no-store", **(headers or {})}
    await send_bytes(send, body, _encoded(named), status=status)


async def send_bytes(
    send: Send, body: bytes, headers: Iterable[tuple[bytes, bytes]], *, status: int = 200
) -> None:
    """Answer with bytes; for HEAD the server leaves the body away."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


def file_headers(name: str, etag: str, more: Mapping[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    """What every answer about a file says of it, whichever part of it is asked for."""
    return (
        *_CONTENT,
        (b"etag", f'"{etag}"'.encode()),
        (b"content-disposition", f"attachment; filename*=UTF-8''{quote(name)}".encode()),
        *_encoded(more),
    )


async def send_file(
    scope: Scope,
    send: Send,
    content: Content | None,
    *,
    size: int,
    etag: str,
    headers: Iterable[tuple[bytes, bytes]],
) -> None:
    """Answer with a file or the part asked for; without `content` only the headers go out.

    `headers` are those of `file_headers`.
    """
    asked = {key: value for key, value in scope["headers"] if key in _CONDITIONS}
    quoted = f'"{etag}"'
    fixed = list(headers)
    if quoted in asked.get(b"if-none-match", b"").decode("latin-1"):
        await send({"type": "http.response.start", "status": 304, "headers": fixed})
        await send({"type": "http.response.body", "body": b""})
        return
    span = _span(asked, quoted, size) if scope["method"] == "GET" else None
    if span is not None and span[0] >= span[1]:
        fixed.append((b"content-range", f"bytes */{size}".encode()))
        await send_bytes(send, b"", fixed, status=416)
        return
    begin, end = span or (0, size)
    if span is not None:
        fixed.append((b"content-range", f"bytes {begin}-{end - 1}/{size}".encode()))
    fixed.append((b"content-length", str(end - begin).encode()))
    status = 206 if span is not None else 200
    await send({"type": "http.response.start", "status": status, "headers": fixed})
    if content is not None and scope["method"] != "HEAD":
        sendfile = scope.get("extensions", {}).get(SENDFILE)
        if sendfile is not None and content.descriptor is not None:
            await sendfile(content.descriptor, begin, end - begin)
        else:
            async for chunk in content.chunks(begin, end):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


_CONDITIONS = frozenset({b"range", b"if-range", b"if-none-match"})


def _span(asked: Mapping[bytes, bytes], quoted: str, size: int) -> tuple[int, int] | None:
    """The bytes asked for as a half-open range, empty if there are none; None for all.

    Several ranges, or one that makes no sense, are answered with the whole, as RFC 9110 allows.
    """
    condition = asked.get(b"if-range")
    if condition is not None and condition.decode("latin-1") != quoted:
        return None
    found = _RANGE.fullmatch(asked.get(b"range", b"").decode("latin-1").strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        count = int(found[2])
        return (max(0, size - count), size) if count else (size, size)
    begin = int(found[1])
    end = min(int(found[2]) + 1, size) if found[2] else size
    if found[2] and int(found[2]) < begin:
        return None
    return (begin, end) if begin < size else (size, size)


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
