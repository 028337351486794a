"""What the local Hub reads of a bare git repository, and a quick way to make one."""

from __future__ import annotations

import dataclasses
import hashlib
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
        listed = git(self.path, "log", "--format=%H%x00%an%x00%aI%x00%s", commit)
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
            pointed = {"size": int(match[2]), "sha256": match[1].decode()}
            entry = dataclasses.replace(entry, pointer_size=entry.size, **pointed)
        entries.append(entry)
    return tuple(entries)


def publish(
    root: Path,
    name: str,
    files: Mapping[str, bytes],
    *,
    lfs: tuple[str, ...] = (".bin", ".safetensors", ".h5", ".msgpack"),
    branch: str = "main",
) -> str:
    """Commit exactly `files` to a branch of `root/name.git`, unsigned; give the commit's id.

    Files whose names end in one of `lfs` become LFS objects.
    """
    path = root / f"{name}.git"
    if not path.exists():
        path.mkdir(parents=True)
        git(path, "init", "-q", "--bare", "--initial-branch=main", ".")
    store = path.with_suffix(".lfs")
    store.mkdir(exist_ok=True)
    index = {"GIT_INDEX_FILE": str(path / "publish.index")}
    git(path, "read-tree", "--empty", env=index)
    lines = []
    for file, content in files.items():
        if file.endswith(lfs):
            digest = hashlib.sha256(content).hexdigest()
            (store / digest).write_bytes(content)
            pointer = "version https://git-lfs.github.com/spec/v1\n"
            content = f"{pointer}oid sha256:{digest}\nsize {len(content)}\n".encode()
        oid = git(path, "hash-object", "-w", "--stdin", stdin=content).decode().strip()
        lines.append(f"100644 {oid}\t{file}\0")
    git(path, "update-index", "-z", "--index-info", stdin="".join(lines).encode(), env=index)
    tree = git(path, "write-tree", env=index).decode().strip()
    known = git(path, "rev-parse", "-q", "--verify", f"refs/heads/{branch}", ok=(0, 1)).decode()
    parent = ("-p", known.strip()) if known else ()
    commit = git(path, "commit-tree", tree, *parent, "-m", "Publish", stdin=b"").decode().strip()
    git(path, "update-ref", f"refs/heads/{branch}", commit)
    return commit


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
