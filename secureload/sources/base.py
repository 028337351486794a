"""What every source shares: the context of a call, the shape of a source, its ceilings."""

from __future__ import annotations

import os
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from secureload.errors import SourceError
from secureload.flow import FileClaim, GitRemote, Listing, Source, SourceKind
from secureload.settings import Settings

Progress = Callable[[str, int, int], None]
"""Called with a label, the bytes done and the bytes to do."""

Opened = AbstractContextManager[tuple[Iterator[bytes], int]]
"""Chunks of a file, and the offset in bytes at which the first one starts."""

FILES = 100_000
"""Most files of one commit; the Hub's own advice to publishers is the same figure."""

NAME_BYTES = 255
"""Longest part of a path in bytes: what Linux file systems store."""

PATH_BYTES = 2_000
"""Longest path in bytes; a quarter of what Linux accepts, to leave room for the root."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """How to ask a source: who asks, what is allowed, where bytes may already lie.

    `token` is as in huggingface_hub (a string; True: must be logged in; False: never send
    one; None: send it if there is one). `cache_dir` is the Hugging Face cache to look in.
    `signals` asks the Hub for its own scan as well. `known_digest` and `remember_digest` are
    the memory of a local file's SHA-256 by its path and stat. `sleep` takes seconds, and is
    passed in so that tests need not wait.
    """

    settings: Settings
    token: str | bool | None = None
    offline: bool = False
    cache_dir: Path | None = None
    progress: Progress | None = None
    signals: bool = False
    known_digest: Callable[[Path, os.stat_result], str | None] | None = None
    remember_digest: Callable[[Path, os.stat_result, str], None] | None = None
    sleep: Callable[[float], None] = time.sleep

    @property
    def no_network(self) -> bool:
        """True when the caller or the environment forbids the network."""
        return self.offline or self.settings.offline


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceType:
    """One kind of source, declared as `SOURCE` by the module named after it.

    `resolve` pins a commit and lists its files, `remote` says where its git objects are, and
    `open_stream` gives a file's bytes from an offset on (it may start earlier, and says so).
    """

    kind: SourceKind
    resolve: Callable[[Source, Context], Listing]
    remote: Callable[[Listing, Context], GitRemote | None]
    open_stream: Callable[[Listing, FileClaim, Context, int], Opened]


class TransientError(SourceError):
    """A connection broke or a server was busy: asking again may help.

    `retry_after` is the number of seconds the server asked to wait, or None; `status` what it
    answered, or None where it did not.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        retry_after: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after
        self.status = status


def listing(source: Source, commit: str, claims: Iterable[FileClaim]) -> Listing:
    """Make a listing of claims whose paths are safe to create below one folder.

    Raises:
        SourceError: a path is not a plain relative path, two paths would be one file on
            some file system, or there are more than `FILES` of them.
    """
    ordered = tuple(sorted(claims, key=lambda claim: claim.path))
    if len(ordered) > FILES:
        raise SourceError(
            f"{source} lists more than {FILES:,} files",
            hint="no model needs that many; ask the publisher for a smaller repository",
        )
    for claim in ordered:
        if problem := path_problem(claim.path):
            raise SourceError(
                f"{source} lists the file {claim.path!r}, which {problem}",
                hint="no honest repository holds such a name; report it to its host",
            )
        if claim.size < 0:
            raise SourceError(f"{source} gives {claim.path!r} a negative size")
    _refuse_collisions(source, ordered)
    return Listing(source=source, commit=commit, claims=ordered)


def path_problem(path: str) -> str:
    """Say why `path` is not a plain relative POSIX path of a repository; empty if it is."""
    try:
        encoded = path.encode("utf-8")
    except UnicodeEncodeError:
        return "is not valid Unicode"
    parts = path.split("/")
    if not path or path.startswith("/"):
        return "is not a relative path"
    if "\\" in path or not path.isprintable():
        return "has a backslash or control character in its name"
    if any(part in {"", ".", ".."} for part in parts):
        return "has an empty, `.` or `..` part"
    if any(part.lower() == ".git" for part in parts):
        return "lies in a `.git` folder"
    if len(encoded) > PATH_BYTES or any(len(part.encode()) > NAME_BYTES for part in parts):
        return "is too long a path"
    return ""


def _refuse_collisions(source: Source, claims: tuple[FileClaim, ...]) -> None:
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for claim in claims:
        key = _folded(claim.path)
        if key in files:
            raise SourceError(
                f"{source} lists {files[key]!r} and {claim.path!r}, which some file systems "
                "take for one name",
                hint="report it to the publisher; nothing was fetched",
            )
        files[key] = claim.path
        for parent in PurePosixPath(claim.path).parents:
            known = folders.setdefault(_folded(str(parent)), str(parent))
            if known != str(parent):
                raise SourceError(
                    f"{source} lists the folders {known!r} and {str(parent)!r}, which some "
                    "file systems take for one name",
                    hint="report it to the publisher; nothing was fetched",
                )
    if both := sorted(files.keys() & folders.keys()):
        raise SourceError(f"{source} lists {files[both[0]]!r} both as a file and as a folder")


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", path).casefold())
