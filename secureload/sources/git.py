"""A git repository by URL: `git+https://` or `git+file://`.

One commit is fetched, without history, into a bare repository in a temporary folder that
lives as long as this process needs it; nothing is ever checked out. git runs without any
configuration, hook or prompt. Files kept in Git LFS are found by their pointers and fetched
by the LFS protocol, or from the objects beside a repository on this machine.
"""

from __future__ import annotations

import atexit
import dataclasses
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from secureload.errors import NotFoundError, OfflineError, SourceError, ToolError
from secureload.flow import FileClaim, GitRemote, Listing, Source
from secureload.sources import base, transport
from secureload.sources.base import Context, SourceType, TransientError
from secureload.sources.transport import Request

CHUNK_BYTES = 1 << 20
"""Bytes read from git at a time."""

POINTER_BYTES = 1_024
"""Largest LFS pointer; the LFS specification asks for less than this."""

REPOSITORIES = 4
"""Most repositories kept at once in temporary folders."""

SECONDS = 3_600
"""Longest run of git; a fetch that takes longer than an hour is stuck."""

_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n"
    rb"(?:ext-[^\n]*\n)*oid sha256:(?P<oid>[0-9a-f]{64})\nsize (?P<size>[0-9]{1,18})\n"
)
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_ENTRY = re.compile(rb"(\d{6}) (\w+) ([0-9a-f]{40,64}) +(\d+|-)\t(.+)", re.DOTALL)


def resolve(source: Source, ctx: Context) -> Listing:
    """Fetch one commit of a repository and list its files.

    Raises:
        OfflineError: the URL is not on this machine, and the network is forbidden.
        NotFoundError: no such repository or revision, or it is private.
        SourceError: the tree holds links, submodules or unsafe names.
        ToolError: git is missing.
    """
    repository = _repository(source, ctx)
    listed = repository.run("ls-tree", "-r", "-l", "-z", repository.commit)
    claims = [_claim(source, entry) for entry in listed.split(b"\0") if entry]
    return base.listing(source, repository.commit, _through_pointers(repository, claims))


def remote(listing: Listing, ctx: Context) -> GitRemote:
    """The repository's URL; secureload sends it no token."""
    return GitRemote(url=listing.source.location)


@contextmanager
def open_stream(
    listing: Listing, claim: FileClaim, ctx: Context, offset: int = 0
) -> Iterator[tuple[Iterator[bytes], int]]:
    """Open a file of the commit; LFS objects over HTTP start at `offset`, others at 0.

    Raises:
        TransientError: asking again may help.
        SourceError: as for `resolve`; or the LFS object is nowhere to be found.
    """
    if claim.sha256 is None:
        repository = _repository(listing.pinned, ctx)
        with repository.blob(claim) as chunks:
            yield chunks, 0
    elif urlsplit(listing.source.location).scheme == "file":
        with _local_object(listing.source, claim).open("rb") as file:
            yield iter(lambda: file.read(CHUNK_BYTES), b""), 0
    else:
        request = _download(listing.source, claim, ctx, offset)
        with transport.send(request) as response:
            yield (
                transport.chunks(request, response),
                transport.start(request, response, offset),
            )


class _Folder:
    """A temporary folder, removed with its last reader, by the process that made it alone."""

    def __init__(self) -> None:
        self.name = tempfile.mkdtemp(prefix="secureload-git-")
        self.cleanup = weakref.finalize(self, _remove, self.name, os.getpid())


def _remove(folder: str, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, kw_only=True)
class _Repository:
    """A bare repository that holds one commit."""

    folder: _Folder
    commit: str
    subject: str

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        return _git(Path(self.folder.name), arguments, self.subject, stdin=stdin)

    @contextmanager
    def blob(self, claim: FileClaim) -> Iterator[Iterator[bytes]]:
        with subprocess.Popen(
            _command(("cat-file", "blob", f"{claim.git_oid}")),
            cwd=self.folder.name,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                assert process.stdout is not None
                output = process.stdout
                yield iter(lambda: output.read(CHUNK_BYTES), b"")
            finally:
                process.kill()


_kept: dict[tuple[str, str], _Repository] = {}
_lock = threading.Lock()


def _forked() -> None:
    """In a forked child: the repositories are the parent's, and so is the lock's state."""
    global _lock
    _lock = threading.Lock()
    _kept.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


@atexit.register
def forget() -> None:
    """Remove every temporary repository of this process."""
    with _lock:
        while _kept:
            _kept.popitem()[1].folder.cleanup()


def _repository(source: Source, ctx: Context) -> _Repository:
    """The repository of a source, fetched if this process has not got it."""
    with _lock:
        if source.revision and (kept := _kept.get((source.location, source.revision))):
            return kept
        repository = _fetch(source, ctx)
        known = _kept.setdefault((source.location, repository.commit), repository)
        if known is not repository:
            repository.folder.cleanup()
        while len(_kept) > REPOSITORIES:
            # Its folder goes when the last reader does.
            del _kept[next(iter(_kept))]
        return known


def _fetch(source: Source, ctx: Context) -> _Repository:
    if ctx.no_network and urlsplit(source.location).scheme != "file":
        raise OfflineError(
            f"{source} needs the network, and it is forbidden",
            hint="unset HF_HUB_OFFLINE, or admit it once while online",
        )
    folder = _Folder()
    try:
        path = Path(folder.name)
        wide = source.revision and re.fullmatch(r"[0-9a-f]{64}", source.revision)
        form = ("--object-format=sha256",) if wide else ()
        _git(path, ("init", "--quiet", "--bare", *form, "--template=", "."), str(source))
        wanted = source.revision or "HEAD"
        fetch = ("fetch", "--quiet", "--depth=1", "--no-tags", "--no-auto-maintenance")
        _git(path, (*fetch, "--", source.location, wanted), str(source))
        found = _git(path, ("rev-parse", "--verify", "FETCH_HEAD^{commit}"), str(source))
        commit = found.decode("ascii", "replace").strip()
        if not _COMMIT.fullmatch(commit) or (_COMMIT.fullmatch(wanted) and commit != wanted):
            raise SourceError(
                f"{source} names {commit}, which is not the commit asked for",
                hint="give the commit's own id rather than that of a tag",
            )
        return _Repository(folder=folder, commit=commit, subject=str(source))
    except BaseException:
        folder.cleanup()
        raise


def _claim(source: Source, entry: bytes) -> FileClaim:
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise ToolError(f"git lists an entry of {source} that makes no sense: {entry[:200]!r}")
    mode, kind, oid, size, name = match.groups()
    try:
        path = name.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(f"{source} holds the file {name!r}, whose name is not UTF-8") from error
    if kind != b"blob" or mode not in {b"100644", b"100755", b"100664"}:
        what = "a symbolic link" if mode == b"120000" else "a submodule"
        raise SourceError(
            f"{source} holds {path!r}, which is {what}",
            hint="only plain files are taken from git; ask the publisher to replace it",
        )
    return FileClaim(path=path, size=int(size), git_oid=oid.decode("ascii"))


def _through_pointers(repository: _Repository, claims: list[FileClaim]) -> Iterator[FileClaim]:
    """Replace what claims an LFS pointer by what the pointer claims."""
    small = {f"{claim.git_oid}" for claim in claims if claim.size < POINTER_BYTES}
    pointers: dict[str, re.Match[bytes]] = {}
    answers = repository.run("cat-file", "--batch", stdin="\n".join(sorted(small)).encode())
    while answers:
        head, _, rest = answers.partition(b"\n")
        oid, _, size = head.decode("ascii").split()
        content, answers = rest[: int(size)], rest[int(size) + 1 :]
        if match := _POINTER.fullmatch(content):
            pointers[oid] = match
    for claim in claims:
        if pointer := pointers.get(f"{claim.git_oid}"):
            digest = pointer["oid"].decode("ascii")
            yield dataclasses.replace(claim, size=int(pointer["size"]), sha256=digest)
        else:
            yield claim


def _local_object(source: Source, claim: FileClaim) -> Path:
    root = Path(unquote(urlsplit(source.location).path))
    name = claim.sha256 or ""
    for folder in (root, root / ".git", root.with_name(f"{root.name}.git")):
        path = folder / "lfs" / "objects" / name[:2] / name[2:4] / name
        if path.is_file():
            return path
    raise SourceError(
        f"{claim.path} of {source} is kept in Git LFS, and its object is not on this machine",
        hint=f"run `git lfs fetch --all` in {root}",
    )


def _download(source: Source, claim: FileClaim, ctx: Context, offset: int) -> Request:
    """Ask the LFS batch API where an object is.

    Source: git-lfs, docs/api/batch.md (basic transfer adapter).
    """
    if ctx.no_network:
        raise OfflineError(f"{claim.path} of {source} needs the network")
    url = source.location.rstrip("/")
    url = url if url.endswith(".git") else f"{url}.git"
    subject = f"{claim.path} of {source}"
    media = "application/vnd.git-lfs+json"
    question = {
        "operation": "download",
        "transfers": ["basic"],
        "objects": [{"oid": claim.sha256, "size": claim.size}],
    }
    answer, _ = transport.fetch_json(
        Request(
            url=f"{url}/info/lfs/objects/batch",
            subject=subject,
            headers={"Accept": media, "Content-Type": media},
            body=json.dumps(question).encode(),
            advice="only public repositories are read by a git URL",
        ),
        ctx,
    )
    action = _action(answer, claim)
    if action is None:
        raise SourceError(
            f"{subject} is kept in Git LFS, and the server does not give its object",
            hint="fetch it with `git lfs` into a folder, and give that folder instead",
        )
    href, headers = action
    wanted = {"Range": f"bytes={offset}-"} if offset else {}
    return Request(url=href, subject=subject, headers=wanted, secret=headers)


def _action(answer: Any, claim: FileClaim) -> tuple[str, dict[str, str]] | None:
    try:
        (found,) = (entry for entry in answer["objects"] if entry["oid"] == claim.sha256)
        action = found["actions"]["download"]
        href, headers = action["href"], action.get("header") or {}
        if not re.match(r"https?://", href):
            return None
        return href, {
            name: value
            for name, value in headers.items()
            if isinstance(name, str) and isinstance(value, str) and f"{name}{value}".isprintable()
        }
    except (TypeError, KeyError, ValueError, AttributeError):
        return None


def _command(arguments: Sequence[str]) -> list[str]:
    return [
        "git",
        *("-c", "core.hooksPath=/dev/null"),
        *("-c", "fetch.fsckObjects=true"),
        *("-c", "protocol.version=2"),
        *("-c", "credential.helper="),
        *("-c", "gc.auto=0"),
        *arguments,
    ]


def _environment() -> dict[str, str]:
    kept = ("PATH", "HOME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO")
    proxies = ("http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
    return {
        **{name: os.environ[name] for name in (*kept, *proxies) if name in os.environ},
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_ALLOW_PROTOCOL": "https:http:file",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "LC_ALL": "C",
    }


_UNKNOWN = re.compile(
    r"couldn't find remote ref|does not appear to be a git repository|not our ref"
    r"|[Rr]epository .*not found|could not read Username|Authentication failed"
    r"|returned error: 40[134]|[Nn]ot a valid object name"
)
_AGAIN = re.compile(
    r"Could not resolve host|Failed to connect|Connection (?:reset|refused|timed out)"
    r"|early EOF|hung up unexpectedly|returned error: (?:429|5\d\d)|RPC failed"
)


def _git(folder: Path, arguments: Sequence[str], subject: str, *, stdin: bytes = b"") -> bytes:
    try:
        done = subprocess.run(
            _command(arguments),
            cwd=folder,
            env=_environment(),
            input=stdin,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise ToolError("git is not installed", hint="install git, and try again") from error
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"git took more than {SECONDS} seconds for {subject}") from error
    if done.returncode == 0:
        return done.stdout
    said = " ".join(done.stderr.decode("utf-8", "replace").split())[-500:]
    said = "".join(c if c.isprintable() else "?" for c in said)
    if _UNKNOWN.search(said):
        raise NotFoundError(
            f"{subject} does not exist, has no such revision, or is private: {said}",
            hint="check the URL and the revision; a commit is given by all its digits",
        )
    if _AGAIN.search(said):
        raise TransientError(f"git could not fetch {subject}: {said}", hint="try again later")
    raise SourceError(f"git failed for {subject}: {said}")


SOURCE = SourceType(kind="git", resolve=resolve, remote=remote, open_stream=open_stream)
