"""The Hub's own protocol, answered from admitted folders inside the client's process.

Every request of an `httpx2` client passes here, whoever made the client. A request for what
a repository holds (its description, its tree, its files) is answered from the admitted folder;
uploads, searches and other hosts go out as they are.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qs, quote, unquote, urlsplit

from secureload.enforce import admissions, state
from secureload.enforce.admissions import Absent, Asked
from secureload.enforce.divert import divert_in
from secureload.enforce.imports import FINDER

if TYPE_CHECKING:
    from secureload.flow import CacheEntry

_PUBLIC = frozenset({"huggingface.co", "hf.co", "www.huggingface.co", "hub-ci.huggingface.co"})
_OTHER = frozenset({"api", "kernels", "buckets", "docs", "login"})
_FILE = re.compile(
    r"/((?:datasets/|spaces/)?[^/]+(?:/[^/]+)?)/(?:resolve|raw|media|blob)/([^/]+)/(.+)"
)
_API = re.compile(
    r"/api/((?:models|datasets|spaces)/[^/]+(?:/[^/]+)??)"
    r"(?:/(revision|tree|paths-info|xet-read-token)/([^/]+)(/.*)?)?"
)
_RESOLVED = re.compile(r"/api/resolve-cache/((?:models|datasets|spaces)/[^/]+/[^/]+)/([^/]+)/(.+)")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_PIECE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer before it becomes a response of the client's own class."""

    status: int
    headers: dict[str, str]
    body: bytes | Iterator[bytes] = b""


def install() -> None:
    """Answer for models as soon as the client's transport is loaded."""
    for name in ("httpx2", "httpx"):
        FINDER.add(f"{name}._transports.default", _hook)


def _hook(module: ModuleType) -> None:
    divert_in(module.HTTPTransport, "handle_request", _handle)
    divert_in(module.AsyncHTTPTransport, "handle_async_request", _handle_async)


def _handle(original: Callable[..., Any]) -> Callable[..., Any]:
    def handle_request(self: Any, request: Any) -> Any:
        if state.doing.inside or not _for_a_hub(request):
            return original(self, request)
        found = _answer(request)
        if found is None:
            return original(self, request)
        if isinstance(found, _Described):
            with state.our_own_work():
                response = original(self, request)
                response.read()
            found = found.amended(response.status_code, response.content)
        return _response(self, request, found)

    return handle_request


def _handle_async(original: Callable[..., Any]) -> Callable[..., Any]:
    async def handle_async_request(self: Any, request: Any) -> Any:
        if state.doing.inside or not _for_a_hub(request):
            return await original(self, request)
        found = _answer(request)
        if found is None:
            return await original(self, request)
        if isinstance(found, _Described):
            response = await original(self, request)
            await response.aread()
            found = found.amended(response.status_code, response.content)
        if not isinstance(found.body, bytes):
            found = Answer(status=found.status, headers=found.headers, body=b"".join(found.body))
        return _response(self, request, found)

    return handle_async_request


def _response(transport: Any, request: Any, answer: Answer) -> Any:
    root = next(
        cls.__module__.partition(".")[0]
        for cls in type(transport).__mro__
        if cls.__name__ in {"HTTPTransport", "AsyncHTTPTransport"}
    )
    return sys.modules[root].Response(
        answer.status, headers=answer.headers, content=answer.body, request=request
    )


def _for_a_hub(request: Any) -> bool:
    hosts = {urlsplit(_endpoint()).netloc, *_PUBLIC}
    agent = request.headers.get("user-agent", "")
    netloc = request.url.netloc.decode("ascii", "replace")
    return netloc in hosts or "hf_hub/" in agent or "huggingface_hub" in agent


def _endpoint() -> str:
    return state.current().environment.get("HF_ENDPOINT") or "https://huggingface.co"


def _answer(request: Any) -> Answer | _Described | None:
    """The answer to a request; None for one that is not about what a repository holds."""
    raw = request.url.raw_path.decode("ascii", "replace").partition("?")
    path, query = raw[0], parse_qs(raw[2])
    prefix = urlsplit(_endpoint()).path.rstrip("/")
    if prefix and path.startswith(prefix + "/"):
        path = path[len(prefix) :]
    held = request.headers.get("authorization", "")
    asked = Asked(token=held.removeprefix("Bearer ") or False)
    if match := _FILE.fullmatch(path) or _RESOLVED.fullmatch(path):
        repo, revision, name = (unquote(part) for part in match.groups())
        repo = repo.removeprefix("models/") if path.startswith("/api/") else repo
        if repo.partition("/")[0] in _OTHER and not path.startswith("/api/resolve-cache"):
            return None
        return _guarded(repo, lambda: _file(request, repo, revision, name, asked))
    if match := _API.fullmatch(path):
        repo, verb, revision, rest = (unquote(part or "") for part in match.groups())
        repo = repo.removeprefix("models/")
        if request.method not in {"GET", "HEAD"} and verb != "paths-info":
            return None
        body = request.read().decode() if verb == "paths-info" else ""
        below = rest.strip("/")
        return _guarded(repo, lambda: _api(repo, verb, revision, below, asked, query, body))
    return None


def _guarded(repo: str, answer: Callable[[], Answer | _Described]) -> Answer | _Described:
    """An accident as the Hub would tell it; a refusal goes up as it is."""
    from secureload.errors import AccessError, NotFoundError, NothingNeededError

    try:
        return answer()
    except NothingNeededError as error:
        return _failed(404, "EntryNotFound", error.message, error.commit)
    except NotFoundError as error:
        return _failed(404, "RepoNotFound", str(error.message))
    except AccessError as error:
        return _failed(403, "GatedRepo", str(error.message))


def _failed(status: int, code: str, message: str, commit: str = "") -> Answer:
    headers = {
        "X-Error-Code": code,
        "X-Error-Message": quote(message, safe=" .,:`'/()[]_-"),
        "Content-Length": "0",
    }
    return Answer(status=status, headers=headers | ({"X-Repo-Commit": commit} if commit else {}))


def token_of(given: str | bool | None) -> str | bool:
    """The token that a client would send for what its caller gave; False for none."""
    from huggingface_hub import constants, get_token

    if isinstance(given, str) or given is False:
        return given
    if given is None and constants.HF_HUB_DISABLE_IMPLICIT_TOKEN:
        return False
    return get_token() or (given is True)


# Files


def _file(request: Any, repo: str, revision: str, name: str, asked: Asked) -> Answer:
    from secureload.errors import NothingNeededError

    found = admissions.file(repo, revision, name, asked)
    if isinstance(found, Absent):
        return _failed(404, "EntryNotFound", found.why, found.commit)
    digests: dict[Path, str] = {}
    try:
        entry = admissions.repository(repo, revision, asked)
    except NothingNeededError as error:
        commit = error.commit
    else:
        commit = entry.commit
        digests = {entry.path / file.path: file.sha256 for file in entry.files}
    size = found.stat().st_size
    headers = {
        "X-Repo-Commit": commit,
        "ETag": f'"{digests.get(found, found.parent.name)}"',
        "X-Linked-Size": str(size),
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
    }
    asked_for = _RANGE.fullmatch(request.headers.get("range", ""))
    start, end, status = 0, size, 200
    if asked_for:
        start, status = int(asked_for[1]), 206
        end = min(int(asked_for[2]) + 1 if asked_for[2] else size, size)
        if start >= size:
            return Answer(status=416, headers={"Content-Range": f"bytes */{size}"})
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    if request.method == "HEAD":
        return Answer(status=200, headers=headers | {"Content-Length": str(size)})
    return Answer(status=status, headers=headers, body=_pieces(found, start, end))


def _pieces(path: Path, start: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as stream:
        stream.seek(start)
        left = end - start
        while left > 0 and (piece := stream.read(min(_PIECE, left))):
            left -= len(piece)
            yield piece


# Descriptions


@dataclass(frozen=True, kw_only=True)
class _Described:
    """A repository's description: the Hub's own, with the commit and files that are admitted."""

    entry: CacheEntry
    blobs: bool

    def amended(self, status: int, content: bytes) -> Answer:
        try:
            described = json.loads(content) if status == 200 else {}
        except ValueError:
            described = {}
        if not isinstance(described, dict) or "id" not in described:
            described = {"id": self.entry.source.name}
        described["sha"] = self.entry.commit
        described["siblings"] = [
            {"rfilename": row["path"]}
            | ({"size": row["size"], "blobId": row["oid"], "lfs": _lfs(row)} if self.blobs else {})
            for row in _rows(self.entry)
        ]
        return _json(described)


def _api(
    repo: str,
    verb: str,
    revision: str,
    below: str,
    asked: Asked,
    query: dict[str, list[str]],
    body: str,
) -> Answer | _Described:
    if verb == "xet-read-token":
        return _failed(403, "GatedRepo", "files are served from the trusted cache alone")
    entry = admissions.repository(repo, revision or None, asked)
    if verb in {"", "revision"}:
        return _Described(entry=entry, blobs="blobs" in query)
    rows = _rows(entry)
    if verb == "paths-info":
        wanted = _paths(body)
        folders = [row for row in _folders(rows, "") if row["path"] in wanted]
        return _json([row for row in rows if row["path"] in wanted] + folders)
    inside = f"{below}/" if below else ""
    recursive = query.get("recursive", ["false"])[0].lower() in {"true", "1"}
    files = [row for row in rows if row["path"].startswith(inside)]
    folders = _folders(files, inside)
    if not recursive:
        files = [row for row in files if "/" not in row["path"].removeprefix(inside)]
        folders = [row for row in folders if "/" not in row["path"].removeprefix(inside)]
    if below and not files and not folders:
        return _failed(404, "EntryNotFound", f"{below} does not exist", entry.commit)
    return _json(files + folders)


def _rows(entry: CacheEntry) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for file in entry.files:
        row = {"type": "file", "oid": file.sha256[:40], "size": file.size, "path": file.path}
        rows.append(row | {"lfs": {"oid": file.sha256, "size": file.size, "pointerSize": 134}})
    return rows


def _lfs(row: dict[str, Any]) -> dict[str, Any]:
    return {"sha256": row["lfs"]["oid"], "size": row["size"], "pointerSize": 134}


def _folders(rows: list[dict[str, Any]], inside: str) -> list[dict[str, Any]]:
    found: dict[str, None] = {}
    for row in rows:
        parts = row["path"].removeprefix(inside).split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            found[inside + "/".join(parts[:depth])] = None
    return [{"type": "directory", "oid": "0" * 40, "size": 0, "path": path} for path in found]


def _paths(body: str) -> set[str]:
    try:
        document = json.loads(body)
        paths = document["paths"]
    except (ValueError, KeyError, TypeError):
        paths = parse_qs(body).get("paths", [])
    return {paths} if isinstance(paths, str) else set(paths)


def _json(value: object) -> Answer:
    body = json.dumps(value).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    return Answer(status=200, headers=headers, body=body)


# Errors


@contextlib.contextmanager
def errors_as_the_client_knows_them(repo: str) -> Iterator[None]:
    """Tell what is missing as `huggingface_hub` does, since its callers look for that."""
    from secureload.errors import AccessError, NotFoundError, NothingNeededError, OfflineError

    try:
        yield
    except NothingNeededError as error:
        _raise(repo, _failed(404, "EntryNotFound", error.message, error.commit))
    except OfflineError as error:
        from huggingface_hub.errors import LocalEntryNotFoundError

        raise LocalEntryNotFoundError(str(error)) from error
    except NotFoundError as error:
        _raise(repo, _failed(404, "RepoNotFound", error.message))
    except AccessError as error:
        _raise(repo, _failed(403, "GatedRepo", error.message))


def raise_absent(repo: str, absent: Absent) -> NoReturn:
    """Say that a file is not in what was admitted.

    Raises:
        RemoteEntryNotFoundError: always.
    """
    _raise(repo, _failed(404, "EntryNotFound", absent.why, absent.commit))


def _raise(repo: str, answer: Answer) -> NoReturn:
    import httpx2
    from huggingface_hub.utils import hf_raise_for_status

    request = httpx2.Request("GET", f"{_endpoint()}/{repo}")
    hf_raise_for_status(httpx2.Response(answer.status, headers=answer.headers, request=request))
    raise AssertionError("an error response raises")
