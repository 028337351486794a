"""What the local Hub reads of a bare git repository."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize (\d+)\n"
)

_LOG = "--format=%H%x00%an%x00%ad%x00%s"
_DATE = "format-local:%Y-%m-%dT%H:%M:%S.000Z"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One file of a commit; `size` is that of the content, not of an LFS pointer.

    `forced` entries, which a test adds, are listed in every folder.
    """

    path: str
    oid: str
    size: int
    sha256: str | None = None
    pointer_size: int = 0
    forced: bool = False

    def resized(self, size: int) -> Entry:
        """The same file, said to have another size."""
        return dataclasses.replace(self, size=size)


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A bare repository at `org/name.git`, its LFS objects at `org/name.lfs/<sha256>`."""

    path: Path

    def commit(self, revision: str) -> str | None:
        """The commit that a branch, tag or commit id names."""
        if revision.startswith("-"):
            return None
        names = [f"refs/heads/{revision}", f"refs/tags/{revision}", revision]
        for name in names:
            found = git(
                self.path, "rev-parse", "--verify", "-q", f"{name}^{{commit}}", ok=(0, 1, 128)
            )
            if found:
                return found.decode().strip()
        return None

    def entries(self, commit: str) -> list[Entry]:
        """Every file of a commit."""
        return list(_entries(self.path, commit))

    def blob(self, oid: str) -> bytes:
        """A blob's content."""
        return git(self.path, "cat-file", "blob", oid)

    def lfs(self, oid: str) -> bytes:
        """An LFS object's content."""
        return (self.path.with_suffix(".lfs") / oid).read_bytes()

    def has_lfs(self, oid: str) -> bool:
        """True if the LFS object is there."""
        return (self.path.with_suffix(".lfs") / oid).is_file()

    def refs(self) -> dict[str, list[dict[str, str]]]:
        """Branches and tags, as the Hub lists them."""
        found: dict[str, list[dict[str, str]]] = {"branches": [], "converts": [], "tags": []}
        listed = git(self.path, "for-each-ref", "--format=%(refname) %(objectname)")
        for line in listed.decode().splitlines():
            ref, oid = line.split()
            kind = "tags" if ref.startswith("refs/tags/") else "branches"
            name = ref.split("/", 2)[2]
            found[kind].append({"name": name, "ref": ref, "targetCommit": oid})
        return found

    def commits(self, commit: str) -> list[dict[str, Any]]:
        """The history of a commit, newest first."""
        listed = git(self.path, "log", f"--date={_DATE}", _LOG, commit)
        rows = [line.split("\0") for line in listed.decode().splitlines()]
        return [
            {"id": oid, "authors": [{"user": who}], "date": when, "title": title, "message": ""}
            for oid, who, when, title in rows
        ]


@cache
def _entries(path: Path, commit: str) -> tuple[Entry, ...]:
    entries = []
    listed = git(path, "ls-tree", "-r", "-l", "-z", commit)
    for line in filter(None, listed.decode().split("\0")):
        head, _, name = line.partition("\t")
        _, kind, oid, size = head.split()
        if kind != "blob":
            continue
        entry = Entry(path=name, oid=oid, size=int(size))
        if entry.size < 1024 and (match := _POINTER.fullmatch(git(path, "cat-file", "blob", oid))):
            entry = Entry(
                path=name,
                oid=oid,
                size=int(match[2]),
                sha256=match[1].decode(),
                pointer_size=entry.size,
            )
        entries.append(entry)
    return tuple(entries)


def git(
    path: Path,
    *arguments: str,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    ok: tuple[int, ...] = (0,),
) -> bytes:
    """Run git in a repository, as nobody in particular."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=path,
        input=stdin,
        capture_output=True,
        check=False,
        env={
            "PATH": os.environ["PATH"],
            "GIT_DIR": str(path),
            "TZ": "UTC",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "Publisher",
            "GIT_AUTHOR_EMAIL": "publisher@example.org",
            "GIT_COMMITTER_NAME": "Publisher",
            "GIT_COMMITTER_EMAIL": "publisher@example.org",
            **(env or {}),
        },
    )
    assert done.returncode in ok, done.stderr.decode(errors="replace")
    return done.stdout
