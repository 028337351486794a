"""The Hub's protocol, as its clients speak it: information, trees, files.

Nothing here leads off this service: no redirects, no Xet, no upstream address. A file goes
out only from an admitted revision, and its bytes are vouched for by the store.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Literal
from urllib.parse import parse_qs, urlencode

from secureload.flow import RepoType, repo_type_of
from secureload.gateway.admissions import Admissions
from secureload.gateway.aside import aside
from secureload.gateway.call import Call, Handler
from secureload.gateway.catalogue import Catalogue
from secureload.gateway.evidence import FOLDER
from secureload.gateway.hub_json import info, tree_entries
from secureload.gateway.loads import Loads
from secureload.gateway.problems import (
    EntryNotFound,
    Forbidden,
    Invalid,
    NoSuchPage,
    Problem,
    Unauthorised,
)
from secureload.gateway.revisions import HubFile, View
from secureload.gateway.sending import (
    file_headers,
    send_bytes,
    send_file,
    send_json,
)
from secureload.gateway.store import Store

PAGE = 1_000
"""Entries on one page of a tree, as on the Hub."""

_FORM_BYTES = 4 << 20
"""Largest body of a `paths-info` request: the Hub's clients send some hundred paths."""

_EVERY = 10_000
"""Most models listed at once."""


class Front:
    """The handlers, each under the name its rows have in `routes`."""

    def __init__(
        self,
        admissions: Admissions,
        catalogue: Catalogue,
        store: Store,
        loads: Loads,
        public_url: str,
    ) -> None:
        self._admissions = admissions
        self._catalogue = catalogue
        self._store = store
        self._loads = loads
        self._public_url = public_url.rstrip("/")

    def handlers(self) -> Mapping[str, Handler]:
        """Every handler by name."""
        return {
            "agent_harnesses": self.agent_harnesses,
            "whoami": self.whoami,
            "listing": self.listing,
            "info": self.info,
            "tree": self.tree,
            "paths_info": self.paths_info,
            "commits": self.commits,
            "refs": self.refs,
            "auth_check": self.auth_check,
            "other_types": self.other_types,
            "read_only": self.read_only,
            "resolve": self.resolve,
        }

    # -- information ---------------------------------------------------------------------

    async def info(self, call: Call) -> None:
        """`GET /api/models/{repo}[/revision/{revision}]`."""
        view = await self._view(call)
        await send_json(call.send, info(view, call.query))

    async def listing(self, call: Call) -> None:
        """`GET /api/models`, `/api/datasets`, `/api/spaces`: what is admitted here, by name."""
        repo_type = _type_of_path(call)
        self._admissions.check_type(repo_type)
        like = call.query.get("search", [""])[0]
        author = call.query.get("author", [""])[0]
        limit = _number(call.query.get("limit", [str(PAGE)])[0], most=_EVERY)
        views = await aside(
            self._catalogue.repositories, like=like, limit=limit, repo_type=repo_type
        )
        listed = []
        for view in views:
            if author and not view.name.startswith(f"{author}/"):
                continue
            if not call.principal.known:
                try:
                    await self._admissions.check_access(call.principal, view.repository)
                except Problem:  # what one may not read is not there for them
                    continue
            listed.append(info(view, {}))
        await send_json(call.send, listed)

    async def tree(self, call: Call) -> None:
        """`GET /api/models/{repo}/tree/{revision}[/{path}]`, page by page."""
        view = await self._view(call)
        folder = call.fields.get("path", "").strip("/")
        if folder and folder not in view.folders:
            raise EntryNotFound(
                f"{folder} is no folder of {view.repository}", headers=_commit(view)
            )
        recursive = call.flag("recursive")
        entries = tree_entries(view, folder, recursive=recursive, expand=call.flag("expand"))
        begin = _number(call.query.get("cursor", ["0"])[0], most=len(entries))
        limit = _number(call.query.get("limit", [str(PAGE)])[0], most=PAGE) or PAGE
        headers = {}
        if begin + limit < len(entries):
            kept = {name: values[0] for name, values in call.query.items()}
            following = urlencode({**kept, "cursor": begin + limit})
            headers["Link"] = f'<{self._base(call)}{call.raw_path}?{following}>; rel="next"'
        await send_json(call.send, entries[begin : begin + limit], headers=headers)

    async def paths_info(self, call: Call) -> None:
        """`POST /api/models/{repo}/paths-info/{revision}`, as a form or as JSON."""
        body = await call.body(_FORM_BYTES)
        view = await self._view(call)
        paths, expand = _paths(body, call.header(b"content-type"))
        wanted = frozenset(path.strip("/") for path in paths)
        entries = tree_entries(view, "", recursive=True, expand=expand)
        await send_json(call.send, [entry for entry in entries if entry["path"] in wanted])

    async def commits(self, call: Call) -> None:
        """`GET /api/models/{repo}/commits/{revision}`: the admitted revisions, newest first."""
        view = await self._view(call)
        history = await aside(self._catalogue.history, view.repository)
        ids = [older.id for older in history]
        since = history[ids.index(view.id) :] if view.id in ids else (view, *history)
        listed = [
            {
                "id": older.id,
                "title": f"Admitted from upstream commit {older.commit}",
                "message": f"Policy {older.policy.name} ({older.policy.digest})",
                "date": _hub_time(older.admitted_at),
                "authors": [{"user": "secureload"}],
            }
            for older in since
        ]
        await send_json(call.send, listed, headers={"X-Total-Count": str(len(listed))})

    async def refs(self, call: Call) -> None:
        """`GET /api/models/{repo}/refs`: branches and tags that lead to something admitted."""
        repository = call.fields["repo"]
        await self._admissions.check_access(call.principal, repository)
        named = await aside(self._catalogue.branches, repository)
        if not named:
            view = await self._admissions.view(call.principal, repository, "main")
            named = (("main", view),)
        branches = [
            {"name": name, "ref": f"refs/heads/{name}", "targetCommit": view.id}
            for name, view in named
        ]
        await send_json(call.send, {"branches": branches, "converts": [], "tags": []})

    async def auth_check(self, call: Call) -> None:
        """`GET /api/models/{repo}/auth-check`."""
        await self._admissions.check_access(call.principal, call.fields["repo"])
        await send_json(call.send, {})

    async def whoami(self, call: Call) -> None:
        """`GET /api/whoami-v2`: the account here that a token belongs to."""
        if not call.principal.known:
            raise Unauthorised("this token has no account here")
        roles = sorted(role.value for role in call.principal.roles)
        await send_json(
            call.send,
            {
                "type": "user",
                "id": call.principal.name,
                "name": call.principal.name,
                "fullname": call.principal.name,
                "isPro": False,
                "orgs": [],
                "auth": {
                    "type": "access_token",
                    "accessToken": {"displayName": ", ".join(roles), "role": "read"},
                },
            },
        )

    async def agent_harnesses(self, call: Call) -> None:
        """`GET /api/agent-harnesses`: clients ask first, and are content without."""
        raise NoSuchPage("there are none here")

    async def other_types(self, call: Call) -> None:
        """Whatever else there may be of datasets and Spaces on the Hub."""
        self._admissions.check_type(_type_of_path(call))
        if call.method in {"GET", "HEAD"}:
            raise NoSuchPage("there is nothing at this path")
        await self.read_only(call)

    async def read_only(self, call: Call) -> None:
        """Whatever would change something on the Hub."""
        raise Forbidden("this service is read-only: publish to the hub behind it")

    # -- files ---------------------------------------------------------------------------

    async def resolve(self, call: Call) -> None:
        """`HEAD` and `GET /{repo}/resolve/{revision}/{path}`."""
        view = await self._view(call)
        path = call.fields["path"]
        file = view.files.get(path)
        if file is None:
            await self._beside(call, view, path)
            return
        content = None
        if call.method == "GET":
            topics = self._catalogue.topics(view.repository)
            # Hashed bytes are for whoever loads; a stream is checked like any other file.
            check: Literal["always", "changed"] = (
                "changed" if topics.cache.verify == "changed" else "always"
            )
            content = await self._store.open(file.sha256, file.size, check=check)
            self._note_load(call, view, file)
        try:
            await send_file(
                call.scope,
                call.send,
                content,
                size=file.size,
                etag=file.etag,
                headers=_headers(view.id, view.commit, file),
            )
        finally:
            if content is not None:
                await content.close()

    async def _beside(self, call: Call, view: View, path: str) -> None:
        folder, _, name = path.partition("/")
        document = view.evidence.get(name) if folder == FOLDER else None
        if document is None:
            raise EntryNotFound(
                f"{path} is not among the files of {view.repository} that are admitted",
                headers=_commit(view),
            )
        body = document.content
        if document.sha256:
            content = await self._store.open(document.sha256, document.size, check="always")
            try:
                body = b"".join([chunk async for chunk in content.chunks(0, document.size)])
            finally:
                await content.close()
        etag = document.sha256 or hashlib.sha256(body).hexdigest()
        headers = {"Content-Type": document.media_type, "ETag": f'"{etag}"', **_commit(view)}
        encoded = [(key.lower().encode(), value.encode()) for key, value in headers.items()]
        await send_bytes(call.send, body, encoded)

    def _note_load(self, call: Call, view: View, file: HubFile) -> None:
        # Of a dataset any file is what it is fetched for, however small, but its card.
        counts = file.lfs or (view.repo_type != "model" and file.path != "README.md")
        if counts and call.header(b"range") in ("", "bytes=0-"):
            agent = call.header(b"user-agent")
            self._loads.note(view.admission, agent=agent, client=call.principal.name)

    # -- inside --------------------------------------------------------------------------

    async def _view(self, call: Call) -> View:
        revision = call.fields.get("revision", "main")
        return await self._admissions.view(call.principal, call.fields["repo"], revision)

    def _base(self, call: Call) -> str:
        if self._public_url:
            return self._public_url
        return f"{call.scope['scheme']}://{call.header(b'host')}"


def _type_of_path(call: Call) -> RepoType:
    first = call.raw_path.removeprefix("/api").split("/")[1]
    return repo_type_of(f"{first}/")


@functools.lru_cache(maxsize=4_096)
def _headers(revision: str, commit: str, file: HubFile) -> tuple[tuple[bytes, bytes], ...]:
    """What is said of a file of a revision, which is the same each time."""
    said = {"X-Repo-Commit": revision, "X-Secureload-Upstream-Commit": commit}
    if file.lfs:
        said |= {"X-Linked-Etag": f'"{file.etag}"', "X-Linked-Size": str(file.size)}
    return file_headers(file.path.rpartition("/")[2], file.etag, said)


def _commit(view: View) -> dict[str, str]:
    return {"X-Repo-Commit": view.id}


def _paths(body: bytes, kind: str) -> tuple[Iterable[str], bool]:
    """The paths asked for, and whether more is wanted of each."""
    try:
        if kind.startswith("application/json"):
            said = json.loads(body)
            paths, expand = said["paths"], bool(said.get("expand", False))
        else:
            form = parse_qs(body.decode("utf-8"), max_num_fields=100_000)
            paths, expand = form.get("paths", []), form.get("expand", [""])[0].lower() == "true"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Invalid("the body is no list of paths") from error
    if isinstance(paths, str):
        paths = [paths]
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise Invalid("the body is no list of paths")
    return paths, expand


def _number(text: str, *, most: int) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise Invalid(f"{text!r} is no number")
    return min(int(text), most)


def _hub_time(text: str) -> str:
    """An ISO time of ours as the Hub writes it."""
    return f"{text[:23]}Z"
