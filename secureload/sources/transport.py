"""HTTP as the gate wants it: bounded, patient, and careful with the token.

Requests go out on huggingface_hub's own session, so its proxies, certificates and
`set_client_factory` apply. Redirects are followed here, because a redirect must neither
carry the token to another host nor leave HTTPS.
"""

from __future__ import annotations

import email.utils
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar
from urllib.parse import urljoin, urlsplit

from secureload.errors import AccessError, NotFoundError, OfflineError, SourceError
from secureload.sources.base import Context, TransientError

T = TypeVar("T")

TRIES = 5
"""How often one request is made before giving up."""

FIRST_WAIT = 1.0
"""Seconds before the second try; each further wait is twice as long."""

LONGEST_WAIT = 60.0
"""Seconds a server may ask us to wait (`Retry-After`); a longer wait is an error that says so."""

TIMEOUTS = (10.0, 60.0, 60.0, 60.0)
"""Seconds to connect, to read a chunk, to write one, to wait for a free connection."""

REDIRECTS = 10
"""Most redirects of one request; the Hub's own downloads take one or two."""

DOCUMENT_BYTES = 64 << 20
"""Largest JSON answer read: `FILES` entries of a tree are about 30 MB."""

CHUNK_BYTES = 1 << 20
"""Largest chunk of a body handed on."""

_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECT = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What to ask: `secret` headers go to the URL's own origin and nowhere else.

    `subject` names what is asked for in messages. `body` makes it a POST of JSON.
    """

    url: str
    subject: str
    headers: Mapping[str, str] = field(default_factory=dict)
    secret: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = None
    advice: str = ""
    """A hint for the reader when access is denied."""


@contextmanager
def send(request: Request) -> Iterator[Any]:
    """Send once, follow redirects, and give the open response of a successful answer.

    Raises:
        TransientError: no connection, a time-out, or a busy server.
        NotFoundError, AccessError, SourceError: what the server answered.
        OfflineError: huggingface_hub was started in offline mode.
    """
    from huggingface_hub.errors import HTTPError, OfflineModeIsEnabled
    from huggingface_hub.utils import get_session

    url = request.url
    for _ in range(REDIRECTS):
        headers = {"User-Agent": "secureload", "Accept-Encoding": "identity", **request.headers}
        if origin(url) == origin(request.url):
            headers.update(request.secret)
        session = get_session()
        try:
            response = session.send(
                session.build_request(
                    "GET" if request.body is None else "POST",
                    url,
                    headers=headers,
                    content=request.body,
                    timeout=TIMEOUTS,
                ),
                stream=True,
                follow_redirects=False,
            )
        except OfflineModeIsEnabled as error:
            raise OfflineError(
                f"{request.subject} needs the network, and HF_HUB_OFFLINE forbids it",
                hint="unset HF_HUB_OFFLINE, or ask for a model that was admitted before",
            ) from error
        except HTTPError as error:
            raise TransientError(
                f"{urlsplit(url).netloc} could not be reached for {request.subject}: "
                f"{error or type(error).__name__}",
                hint="check the network, HF_ENDPOINT and any proxy, then try again",
            ) from error
        except (ValueError, RuntimeError) as error:  # a URL or a session that is no good
            raise SourceError(f"{request.subject}: {error}") from error
        try:
            if response.status_code not in _REDIRECT:
                if response.status_code >= 300:
                    _refuse(request, response)
                yield response
                return
            url = _redirected(request, url, response.headers.get("Location"))
        finally:
            response.close()
    raise SourceError(f"{request.subject} redirects more than {REDIRECTS} times")


def chunks(request: Request, response: Any) -> Iterator[bytes]:
    """Give the body as it comes off the wire.

    Raises:
        TransientError: the connection broke.
        SourceError: the server compressed what it was asked to send as it is.
    """
    from huggingface_hub.errors import HTTPError

    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise SourceError(f"{request.subject} came encoded as {_printable(encoding)}, unasked")
    try:
        yield from response.iter_raw(CHUNK_BYTES)
    except HTTPError as error:
        raise TransientError(
            f"the connection broke while reading {request.subject}: "
            f"{error or type(error).__name__}",
            hint="try again; what was fetched so far is kept while this process runs",
        ) from error


def start(request: Request, response: Any, offset: int) -> int:
    """Where the body begins: at `offset` if the server obeyed `Range`, else at 0.

    Raises:
        SourceError: the server sends some other part.
    """
    if response.status_code == 200:
        return 0
    found = re.match(r"bytes (\d{1,19})-", response.headers.get("Content-Range", ""))
    if response.status_code != 206 or not found or int(found[1]) != offset:
        raise SourceError(f"{request.subject}: the server sends another part than was asked for")
    return offset


def fetch_json(request: Request, ctx: Context) -> tuple[Any, Mapping[str, str]]:
    """Fetch a JSON document and its headers, trying again as `persist` does.

    Raises:
        SourceError: and its kin, as `send`; or the answer is too large or no JSON.
    """

    def once() -> tuple[Any, Mapping[str, str]]:
        with send(request) as response:
            body = bytearray()
            for chunk in chunks(request, response):
                body += chunk
                if len(body) > DOCUMENT_BYTES:
                    raise SourceError(f"the answer for {request.subject} is too large")
            try:
                return json.loads(body), response.headers
            except (ValueError, RecursionError) as error:
                raise SourceError(
                    f"the answer for {request.subject} is not JSON",
                    hint="is HF_ENDPOINT the address of a Hub?",
                ) from error

    return persist(once, ctx)


def persist(action: Callable[[], T], ctx: Context) -> T:
    """Do `action`, again after a `TransientError`, up to `TRIES` times with growing waits."""
    for attempt in range(1, TRIES):
        try:
            return action()
        except TransientError as error:
            ctx.sleep(wait(error, attempt))
    return action()


def wait(error: TransientError, attempt: int) -> float:
    """Seconds to wait after the `attempt`-th failure in a row, counted from 1.

    Raises:
        TransientError: the same, if the server asks for more than `LONGEST_WAIT`.
    """
    asked = error.retry_after or 0.0
    if asked > LONGEST_WAIT:
        raise error
    return min(max(asked, FIRST_WAIT * 2.0 ** (attempt - 1)), LONGEST_WAIT)


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: what a token is meant for."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or ""), parts.port or _PORTS.get(parts.scheme)


_PORTS = {"http": 80, "https": 443}


def _redirected(request: Request, url: str, location: str | None) -> str:
    try:
        target = urljoin(url, location or "")
        scheme, host, _ = origin(target)
    except ValueError:
        scheme, host, target = "", "", ""
    if scheme not in {"http", "https"} or not host or not location:
        raise SourceError(f"{request.subject} redirects to no usable address")
    if scheme == "http" and urlsplit(url).scheme == "https":
        raise SourceError(
            f"{request.subject} redirects from https to http at {_printable(host)}",
            hint="nothing was fetched; the server or something before it is misconfigured",
        )
    if request.body is not None:
        raise SourceError(f"{request.subject} redirects a POST, which is not followed")
    return target


def _refuse(request: Request, response: Any) -> NoReturn:
    status = response.status_code
    code = response.headers.get("X-Error-Code", "")
    said = _printable(response.headers.get("X-Error-Message", ""))
    told = f": {said}" if said else ""
    if status in _BUSY:
        asked = _seconds(response.headers.get("Retry-After"), response.headers.get("Date"))
        later = f" in {asked:.0f} seconds" if asked else ""
        raise TransientError(
            f"the server answered {status} for {request.subject}{told}",
            hint=f"try again{later or ' later'}"
            + ("; logging in raises the limits" if status == 429 and not request.secret else ""),
            retry_after=asked,
            status=status,
        )
    if code == "GatedRepo":
        raise AccessError(f"{request.subject} is gated{told}", hint=request.advice)
    if code in {"RepoNotFound", "RevisionNotFound", "EntryNotFound"} or status == 404:
        what = {"RevisionNotFound": "has no such revision", "EntryNotFound": "has no such file"}
        raise NotFoundError(
            f"{request.subject} {what.get(code, 'does not exist, or is private')}{told}",
            hint="check the spelling; for a private model, log in with `hf auth login`"
            if code not in what
            else "check the revision and the path",
        )
    if status in {401, 403}:
        raise AccessError(
            f"{request.subject} may not be read ({status}){told}", hint=request.advice
        )
    raise SourceError(f"the server answered {status} for {request.subject}{told}")


def _seconds(header: str | None, now: str | None) -> float | None:
    """`Retry-After` in seconds; a date is counted from the server's own `Date`."""
    if not header:
        return None
    if re.fullmatch(r"\s*[0-9]{1,9}\s*", header):
        return float(header)
    try:
        dates = [email.utils.parsedate_to_datetime(text or "") for text in (header, now)]
        return max(0.0, (dates[0] - dates[1]).total_seconds())
    except (TypeError, ValueError):
        return None


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:300].strip()
