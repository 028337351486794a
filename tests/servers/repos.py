"""Published git repositories, made by git plumbing: LFS pointers, signatures, and their defects.

    repo = PublishedRepo(tmp_path, "org/name")
    commit = repo.commit({"config.json": b"{}", "pytorch_model.bin": data}, sign=alice)

The bare repository is `root/org/name.git`; LFS objects lie in `root/org/name.lfs/<sha256>`.
A server may serve both; git itself reads the first by `file://`.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from secureload.flow import GitRemote
from tests.servers.keys import Key

LFS_SUFFIXES = (".bin", ".safetensors", ".h5", ".msgpack", ".model", ".pt", ".parquet", ".arrow")

_ENVIRONMENT = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C"}


def lfs_pointer(data: bytes) -> bytes:
    """The canonical LFS pointer that stands for these bytes in a tree."""
    digest = hashlib.sha256(data).hexdigest()
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(data)}\n"
    ).encode()


class PublishedRepo:
    """A bare repository, `org/name` or `datasets/org/name`, which its publisher commits to."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self.git_dir = root / f"{name}.git"
        self.lfs_dir = root / f"{name}.lfs"
        self.lfs_dir.mkdir(parents=True, exist_ok=True)
        if not self.git_dir.exists():
            self.git_dir.mkdir(parents=True)
            self.git("init", "-q", "--bare", "--template=", "--initial-branch=main")
            for setting in (
                "uploadpack.allowFilter=true",
                "uploadpack.allowAnySHA1InWant=true",
                "http.receivepack=false",
                "core.logAllRefUpdates=false",
                "gc.auto=0",
            ):
                self.git("config", *setting.split("="))

    @property
    def remote(self) -> GitRemote:
        """The repository as git reads it from this disk."""
        return GitRemote(url=f"file://{self.git_dir}")

    def git(self, *arguments: str, stdin: bytes = b"", **environment: str) -> str:
        """Run git in the bare repository and return what it prints, stripped."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.git_dir,
            input=stdin,
            capture_output=True,
            check=False,
            env={**os.environ, **_ENVIRONMENT, "GIT_DIR": str(self.git_dir), **environment},
        )
        if done.returncode:
            raise RuntimeError(f"git {arguments}: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode(errors="surrogateescape").strip()

    def write(self, kind: str, content: bytes) -> str:
        """Store a raw object of any shape, however malformed; returns its id."""
        return self.git("hash-object", "-t", kind, "--literally", "-w", "--stdin", stdin=content)

    def read(self, oid: str) -> bytes:
        """The raw content of a commit, tree, blob or tag."""
        kind = self.git("cat-file", "-t", oid)
        return subprocess.run(
            ["git", "cat-file", kind, oid], cwd=self.git_dir, capture_output=True, check=True
        ).stdout

    def tree(
        self,
        files: Mapping[str, bytes],
        *,
        lfs: Callable[[str], bool] | Sequence[str] = LFS_SUFFIXES,
        modes: Mapping[str, str] | None = None,
    ) -> str:
        """Store files as a tree, the large ones behind LFS pointers; returns its id."""
        behind_pointer = lfs if callable(lfs) else lambda path: path.endswith(tuple(lfs))
        index = self.git_dir / "building.index"
        rows = []
        for path, data in files.items():
            stored = data
            if behind_pointer(path):
                stored = lfs_pointer(data)
                (self.lfs_dir / hashlib.sha256(data).hexdigest()).write_bytes(data)
            oid = self.git("hash-object", "-w", "--stdin", stdin=stored)
            rows.append(f"{(modes or {}).get(path, '100644')} {oid}\t{path}\n")
        index.unlink(missing_ok=True)
        self.git(
            "update-index",
            "--add",
            "--index-info",
            stdin="".join(rows).encode("utf-8", "surrogateescape"),
            GIT_INDEX_FILE=str(index),
        )
        try:
            return self.git("write-tree", GIT_INDEX_FILE=str(index))
        finally:
            index.unlink(missing_ok=True)

    def commit(
        self,
        files: Mapping[str, bytes] | None = None,
        *,
        sign: Key | Callable[[bytes], str] | None = None,
        message: str = "Publish",
        branch: str | None = "main",
        parents: Iterable[str] | None = None,
        tree: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        lfs: Callable[[str], bool] | Sequence[str] = LFS_SUFFIXES,
        modes: Mapping[str, str] | None = None,
        when: int = 1_700_000_000,
    ) -> str:
        """Commit these files as the whole tree, signed or not; returns the commit's id.

        `sign` is a key, or a function from the payload to any armored signature. `parents`
        defaults to the branch's present commit, `branch` None moves no branch; `headers` are
        further headers of the commit, and `tree` the id of a tree that lies there already.
        """
        if tree is None:
            tree = self.tree(files or {}, lfs=lfs, modes=modes)
        if parents is None:
            parents = [tip] if branch and (tip := self.tip(branch)) else []
        who = f"Publisher <publisher@example.org> {when} +0000"
        rows = [("tree", tree), *(("parent", parent) for parent in parents)]
        rows += [("author", who), ("committer", who), *headers]
        head = "".join(map(_header, rows))
        body = f"\n{message}\n"
        if sign is not None:
            signer = sign if callable(sign) else sign.sign
            head += _header(("gpgsig", signer((head + body).encode())))
        commit = self.write("commit", (head + body).encode())
        if branch:
            self.move(branch, commit)
        return commit

    def tag(
        self,
        name: str,
        commit: str,
        *,
        sign: Key | None = None,
        message: str | None = None,
        title: str | None = None,
    ) -> str:
        """Tag a commit: lightweight unless signed or given a message; returns the ref's object.

        `title` is the name written into the tag object, when it is to differ from the ref's.
        """
        target = commit
        if sign is not None or message is not None:
            text = (
                f"object {commit}\ntype commit\ntag {title or name}\n"
                "tagger Publisher <publisher@example.org> 1700000000 +0000\n"
                f"\n{message or name}\n"
            )
            target = self.write("tag", (text + (sign.sign(text.encode()) if sign else "")).encode())
        self.git("update-ref", f"refs/tags/{name}", target)
        return target

    def tip(self, branch: str = "main") -> str | None:
        """The commit that a branch points at."""
        shown = self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")
        return shown or None

    def move(self, branch: str, commit: str) -> None:
        """Point a branch at any commit, as a force-push would."""
        self.git("update-ref", f"refs/heads/{branch}", commit)

    def edited(self, commit: str, old: bytes, new: bytes, *, branch: str | None = "main") -> str:
        """A copy of a commit with some of its bytes replaced and its signature kept."""
        content = self.read(commit)
        assert content.count(old) == 1, "the edit must hit one place"
        copy = self.write("commit", content.replace(old, new))
        if branch:
            self.move(branch, copy)
        return copy

    def signature_of(self, commit: str) -> str:
        """The armored signature in a commit's `gpgsig` header."""
        rows = self.read(commit).decode().split("\n\n", 1)[0].split("\n")
        start = next(i for i, row in enumerate(rows) if row.startswith("gpgsig "))
        lines = [rows[start].removeprefix("gpgsig ")]
        for row in rows[start + 1 :]:
            if not row.startswith(" "):
                break
            lines.append(row[1:])
        return "\n".join(lines).rstrip("\n") + "\n"

    def replace_lfs(self, promised: bytes, served: bytes) -> None:
        """Serve other bytes under the digest of the promised ones."""
        (self.lfs_dir / hashlib.sha256(promised).hexdigest()).write_bytes(served)

    def lfs_object(self, sha256: str) -> Path:
        """Where the bytes of an LFS digest lie."""
        return self.lfs_dir / sha256


def _header(row: tuple[str, str]) -> str:
    name, value = row
    return f"{name} " + value.rstrip("\n").replace("\n", "\n ") + "\n"
