"""A Hugging Face Hub on loopback, over real bare git repositories; it can misbehave.

    with LocalHub(root) as hub:
        os.environ["HF_ENDPOINT"] = hub.url

serves `root/org/name.git` (or `root/name.git`) with its LFS objects at
`root/org/name.lfs/<sha256>`, and datasets and Spaces below `root/datasets` and `root/spaces`,
as in the Hub's own addresses: the Hub's API, `resolve` with ranges and LFS metadata, the LFS
batch API, and git's smart HTTP through `git http-backend`. `hub.requests` has every request
in order, `hub.misbehave(...)` makes the next ones go wrong.
"""

from __future__ import annotations

import base64
import fnmatch
import json
import os
import re
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NoReturn
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.servers.hub_git import Entry, Repository

Misbehaviour = Literal[
    "status",  # answer `code`, with `headers`
    "cut",  # close the connection after `after` bytes of the body
    "flip",  # change the byte `at`, keep the size
    "longer",  # send `extra` bytes past the listed size
    "headers",  # add or replace `headers` of a successful answer
    "no-range",  # ignore Range
    "redirect",  # 302 to `to`
    "body",  # answer 200 with `body` instead
    "size",  # list `size` for the file `path`
    "add",  # list `entry` as well
    "hide",  # leave the file `path` out of lists
    "call",  # run `action()` before answering
]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One request as it came."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    host: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(kw_only=True)
class _Fault:
    kind: str
    match: str
    times: int | None
    options: dict[str, Any]


@dataclass(kw_only=True)
class _Gate:
    token: str
    gated: bool


@dataclass(kw_only=True)
class LocalHub:
    """The server; a context manager. `page` is how many entries a tree's page has."""

    root: Path
    page: int = 1_000
    cdn: bool = False
    """Redirect LFS files to another host name, as the Hub does."""
    requests: list[Seen] = field(default_factory=list)
    says: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What else the API says of a repository, or says otherwise; its scan only when asked."""
    _faults: list[_Fault] = field(default_factory=list)
    _gates: dict[str, _Gate] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _server: ThreadingHTTPServer | None = None

    def __enter__(self) -> LocalHub:
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        self._server = _Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """What `HF_ENDPOINT` should be."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def other_url(self) -> str:
        """The same server under another host name, so another origin."""
        return f"http://localhost:{self.port}"

    def misbehave(
        self,
        kind: Misbehaviour,
        match: str = "*",
        *,
        times: int | None = None,
        **options: Any,
    ) -> None:
        """Go wrong for requests whose decoded path matches `match`: always, or `times` times."""
        self._faults.append(
            _Fault(kind=kind, match=match, times=times, options={"kind": kind, **options})
        )

    def behave(self) -> None:
        """Forget every misbehaviour."""
        self._faults.clear()

    def require(self, repo: str, token: str, *, gated: bool = False) -> None:
        """Make a repository private, or gated, and open to `token` alone."""
        self._gates[repo] = _Gate(token=token, gated=gated)

    def count(self, match: str = "*") -> int:
        """How many requests had a matching path; agent-harness probes never count."""
        return sum(
            fnmatch.fnmatchcase(seen.path, match)
            for seen in self.requests
            if seen.path != "/api/agent-harnesses"
        )

    def repository(self, name: str) -> Repository | None:
        """The bare repository of a model, or of `datasets/org/name`, if there is one."""
        if not re.fullmatch(rf"{_PREFIX}[\w.-]+(?:/[\w.-]+)?", name) or ".." in name:
            return None
        path = self.root / f"{name}.git"
        return Repository(path=path) if (path / "HEAD").is_file() else None

    def fault(self, kind: str, path: str) -> dict[str, Any] | None:
        """Use up one misbehaviour of this kind for this path."""
        with self._lock:
            for fault in self._faults:
                if fault.kind == kind and fnmatch.fnmatchcase(path, fault.match):
                    if fault.times is None:
                        return fault.options
                    if fault.times > 0:
                        fault.times -= 1
                        return fault.options
        return None

    def faults(self, kind: str, path: str) -> list[dict[str, Any]]:
        """Every misbehaviour of this kind for this path, none used up."""
        with self._lock:
            return [
                fault.options
                for fault in self._faults
                if fault.kind == kind and fnmatch.fnmatchcase(path, fault.match)
            ]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


class _Answered(Exception):  # noqa: N818
    """The answer has been sent."""


_PREFIX = "(?:datasets/|spaces/)?"
_API = re.compile(r"/api/(model|dataset|space)s/(.+)")
_VERBS = frozenset({"revision", "tree", "paths-info", "refs", "commits", "auth-check"})
_GIT = re.compile(r"/(?P<repo>.+?)(?:\.git)?/(?P<rest>info/refs|git-upload-pack)")
_LFS = re.compile(r"/(?P<repo>.+?)\.git/info/lfs/objects/(?P<rest>batch|[0-9a-f]{64})")
_RESOLVE = re.compile(rf"/(?P<repo>{_PREFIX}[^/]+(?:/[^/]+)?)/resolve/(?P<rev>[^/]+)/(?P<path>.+)")
_CDN = re.compile(r"/cdn/(?P<repo>.+)/(?P<oid>[0-9a-f]{64})")


class _Handler(BaseHTTPRequestHandler):
    hub: LocalHub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Tests read `hub.requests` instead."""

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    # -- routing -------------------------------------------------------------------------

    def _answer(self) -> None:
        body = self._read_body()
        parts = urlsplit(self.path)
        self.raw, self.query = parts.path, parts.query
        self.decoded = unquote(parts.path)
        seen = Seen(
            method=self.command,
            path=self.decoded,
            query=parts.query,
            headers=dict(self.headers.items()),
            host=self.headers.get("Host", ""),
        )
        self.hub.requests.append(seen)
        try:
            self._misbehave_early()
            self._route(body)
        except _Answered:
            pass
        finally:
            self.wfile.flush()

    def _misbehave_early(self) -> None:
        if fault := self.hub.fault("call", self.decoded):
            fault["action"]()
        if fault := self.hub.fault("status", self.decoded):
            self._send(fault["code"], b"", fault.get("headers", {}))
        if fault := self.hub.fault("redirect", self.decoded):
            self._send(302, b"", {"Location": fault["to"]})
        if fault := self.hub.fault("body", self.decoded):
            self._send(200, fault["body"], {"Content-Type": "application/json"})

    def _route(self, body: bytes) -> None:
        path = self.decoded
        if match := _API.fullmatch(self.raw):
            self._api(match[1], match[2].split("/"), body)
        if match := _LFS.fullmatch(path):
            self._lfs(match["repo"], match["rest"], body)
        if match := _GIT.fullmatch(path):
            self._git(match["repo"], match["rest"], body)
        if match := _RESOLVE.fullmatch(self.raw):
            self._resolve(*(unquote(match[name]) for name in ("repo", "rev", "path")))
        if match := _CDN.fullmatch(path):
            self._file(self._repository(match["repo"], check=False).lfs(match["oid"]), {})
        self._fail(404, "", "no such page")

    # -- the API -------------------------------------------------------------------------

    def _api(self, repo_type: str, parts: Sequence[str], body: bytes) -> None:
        length = 1 if len(parts) == 1 or parts[1] in _VERBS else 2
        prefix = "" if repo_type == "model" else f"{repo_type}s/"
        name = prefix + "/".join(parts[:length])
        verb, *rest = [*parts[length:], ""]
        rest = [unquote(part) for part in rest[:-1]] if verb else []
        content = verb == "auth-check"
        repository = self._repository(name, content=content)
        match verb:
            case "" | "revision":
                self._info(name, repository, rest[0] if rest else "HEAD")
            case "tree":
                self._tree(repository, rest[0], "/".join(rest[1:]))
            case "paths-info":
                wanted = parse_qs(body.decode())["paths"]
                entries = self._entries(repository, self._commit(repository, rest[0]))
                self._json([_tree_entry(e) for e in entries if e.path in wanted])
            case "refs":
                self._json(repository.refs())
            case "commits":
                self._json(repository.commits(self._commit(repository, rest[0])))
            case "auth-check":
                self._json({})
            case _:
                self._fail(404, "", "no such page")

    def _info(self, name: str, repository: Repository, revision: str) -> None:
        commit = self._commit(repository, revision)
        siblings = []
        for entry in self._entries(repository, commit):
            sibling: dict[str, Any] = {"rfilename": entry.path}
            if "blobs=" in self.query:
                sibling |= {"size": entry.size, "blobId": entry.oid}
                if entry.sha256:
                    lfs = {"sha256": entry.sha256, "size": entry.size}
                    sibling["lfs"] = lfs | {"pointerSize": entry.pointer_size}
            siblings.append(sibling)
        gate = self.hub._gates.get(name)
        says = dict(self.hub.says.get(name, {}))
        if "securityStatus=true" not in self.query:
            says.pop("securityRepoStatus", None)
        about = _ABOUT[name.partition("/")[0]] if name.startswith(tuple(_ABOUT)) else _MODEL
        own = name.removeprefix("datasets/").removeprefix("spaces/")
        self._json(
            {
                "_id": "0" * 24,
                "id": own,
                **({"modelId": own} if about is _MODEL else {}),
                "sha": commit,
                "private": bool(gate and not gate.gated),
                "gated": "manual" if gate and gate.gated else False,
                "disabled": False,
                "downloads": 0,
                "likes": 0,
                **about,
                "createdAt": "2024-01-01T00:00:00.000Z",
                "lastModified": "2024-01-01T00:00:00.000Z",
                "siblings": siblings,
                **says,
            }
        )

    def _tree(self, repository: Repository, revision: str, folder: str) -> None:
        commit = self._commit(repository, revision)
        query = parse_qs(self.query)
        recursive = query.get("recursive", ["false"])[0].lower() == "true"
        inside = f"{folder}/" if folder else ""
        listed: list[dict[str, Any]] = []
        folders: set[str] = set()
        for entry in self._entries(repository, commit):
            if not entry.path.startswith(inside) and not entry.forced:
                continue
            *parents, _ = entry.path.removeprefix(inside).split("/")
            for depth in range(1, (len(parents) if recursive else min(1, len(parents))) + 1):
                folders.add(inside + "/".join(parents[:depth]))
            if recursive or not parents:
                listed.append(_tree_entry(entry))
        if folder and not listed and not folders:
            self._fail(404, "EntryNotFound", f"{folder} does not exist")
        listed += [
            {"type": "directory", "oid": "0" * 40, "size": 0, "path": path}
            for path in sorted(folders)
        ]
        begin = int(query.get("cursor", ["0"])[0])
        end = begin + self.hub.page
        headers = {}
        if end < len(listed):
            kept = f"recursive={str(recursive).lower()}&expand=false"
            url = f"http://{self.headers['Host']}{self.raw}?{kept}&cursor={end}"
            headers["Link"] = f'<{url}>; rel="next"'
        self._json(listed[begin:end], headers)

    # -- files ---------------------------------------------------------------------------

    def _resolve(self, name: str, revision: str, path: str) -> None:
        repository = self._repository(name, content=True)
        commit = self._commit(repository, revision)
        headers = {"X-Repo-Commit": commit}
        entry = next((e for e in repository.entries(commit) if e.path == path), None)
        if entry is None:
            self._fail(404, "EntryNotFound", f"{path} does not exist", headers)
        if entry.sha256 is None:
            self._file(repository.blob(entry.oid), headers | {"ETag": f'"{entry.oid}"'})
            return
        headers |= {"X-Linked-Etag": f'"{entry.sha256}"', "X-Linked-Size": str(entry.size)}
        if self.hub.cdn:
            place = f"{self.hub.other_url}/cdn/{quote(name)}/{entry.sha256}"
            self._send(302, b"", headers | {"Location": place})
        self._file(repository.lfs(entry.sha256), headers | {"ETag": f'"{entry.sha256}"'})

    def _file(self, content: bytes, headers: Mapping[str, str]) -> None:
        answer = {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream", **headers}
        get = self.command == "GET"
        if content and get and (fault := self.hub.fault("flip", self.decoded)):
            at = fault.get("at", len(content) // 2)
            content = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        if get and (fault := self.hub.fault("longer", self.decoded)):
            content += fault["extra"]
        fault = self.hub.fault("headers", self.decoded) or {}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None or self.hub.fault("no-range", self.decoded) is not None:
            self._send(200, content, answer | fault.get("headers", {}))
        begin, size = int(asked[1]), len(content)
        end = min(int(asked[2] or size), size - 1)
        if begin >= size:
            self._send(416, b"", {"Content-Range": f"bytes */{size}"})
        answer["Content-Range"] = f"bytes {begin}-{end}/{size}"
        self._send(206, content[begin : end + 1], answer | fault.get("headers", {}))

    def _lfs(self, name: str, rest: str, body: bytes) -> None:
        repository = self._repository(name, content=True)
        if rest != "batch":
            self._file(repository.lfs(rest), {})
        objects = []
        for wanted in json.loads(body)["objects"]:
            href = f"{self.hub.url}/{name}.git/info/lfs/objects/{wanted['oid']}"
            found = repository.has_lfs(wanted["oid"])
            action = (
                {"actions": {"download": {"href": href, "header": {"X-Lfs": "1"}}}}
                if found
                else {"error": {"code": 404, "message": "object does not exist"}}
            )
            objects.append({"oid": wanted["oid"], "size": wanted["size"], **action})
        self._json({"transfer": "basic", "objects": objects})

    def _git(self, name: str, rest: str, body: bytes) -> None:
        repository = self._repository(name, content=True, code=401)
        headers = {"CONTENT_ENCODING": self.headers.get("Content-Encoding", "")}
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.hub.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_COUNT": "3",
            "GIT_CONFIG_KEY_0": "uploadpack.allowFilter",
            "GIT_CONFIG_VALUE_0": "true",
            "GIT_CONFIG_KEY_1": "uploadpack.allowAnySHA1InWant",
            "GIT_CONFIG_VALUE_1": "true",
            "GIT_CONFIG_KEY_2": "safe.directory",
            "GIT_CONFIG_VALUE_2": "*",
            "PATH_INFO": f"/{repository.path.relative_to(self.hub.root)}/{rest}",
            "QUERY_STRING": self.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": "127.0.0.1",
            **{f"HTTP_{key}": value for key, value in headers.items() if value},
        }
        done = subprocess.run(
            ["git", "http-backend"], env=environment, input=body, capture_output=True, check=False
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n") if line)
        status = int(fields.pop("Status", "200 OK").split()[0])
        self._send(status, content, fields)

    # -- answers -------------------------------------------------------------------------

    def _repository(
        self, name: str, *, content: bool = False, check: bool = True, code: int = 401
    ) -> Repository:
        """The repository, if this token may have its metadata, or its `content`."""
        found = self.hub.repository(name)
        gate = self.hub._gates.get(name)
        if found is None:
            self._fail(code, "RepoNotFound", "Repository not found", _ASK)
        if check and gate and self._token() != gate.token:
            if not gate.gated:
                self._fail(code, "RepoNotFound", "Repository not found", _ASK)
            if content:
                text = f"Access to model {name} is restricted."
                self._fail(403 if self._token() else 401, "GatedRepo", text, _ASK)
        return found

    def _token(self) -> str:
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            return base64.b64decode(value).decode().partition(":")[2]
        return value

    def _commit(self, repository: Repository, revision: str) -> str:
        commit = repository.commit(revision)
        if commit is None:
            self._fail(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit

    def _entries(self, repository: Repository, commit: str) -> list[Entry]:
        entries = repository.entries(commit)
        for fault in self.hub.faults("hide", self.decoded):
            entries = [entry for entry in entries if entry.path != fault["path"]]
        for fault in self.hub.faults("size", self.decoded):
            entries = [
                entry.resized(fault["size"]) if entry.path == fault["path"] else entry
                for entry in entries
            ]
        return entries + [fault["entry"] for fault in self.hub.faults("add", self.decoded)]

    def _json(self, value: object, headers: Mapping[str, str] | None = None) -> None:
        body = json.dumps(value).encode()
        self._send(200, body, {"Content-Type": "application/json", **(headers or {})})

    def _fail(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> NoReturn:
        said = {"X-Error-Code": code, "X-Error-Message": message} if code else {}
        body = json.dumps({"error": message}).encode()
        self._send(status, body, {**said, **(headers or {})})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> NoReturn:
        """Send an answer, cut short if so told, and end the handling of the request."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            cut = self.hub.fault("cut", self.decoded) if status in {200, 206} else None
            if cut is not None and cut["after"] < len(body):
                self.wfile.write(body[: cut["after"]])
                self.close_connection = True
            else:
                self.wfile.write(body)
        raise _Answered

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body


_MODEL = {"tags": ["transformers"], "pipeline_tag": None, "library_name": "transformers"}
_ABOUT: dict[str, dict[str, Any]] = {
    "datasets": {"tags": ["task_categories:text-classification"], "description": "Some rows."},
    "spaces": {"tags": ["gradio"], "sdk": "gradio", "subdomain": "org-name"},
}
"""What the API says of a repository, by its type."""

_ASK = {"WWW-Authenticate": 'Basic realm="local hub"'}


def _tree_entry(entry: Entry) -> dict[str, Any]:
    listed: dict[str, Any] = {
        "type": "file",
        "oid": entry.oid,
        "size": entry.size,
        "path": entry.path,
    }
    if entry.sha256:
        lfs = {"oid": entry.sha256, "size": entry.size, "pointerSize": entry.pointer_size}
        listed["lfs"] = lfs
    return listed
