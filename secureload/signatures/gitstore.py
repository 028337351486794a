"""Raw objects of one commit, fetched by git into a bare store and never checked out.

No configuration of the user or the machine is read, no hook runs, and once the objects are
here git is denied every transport, so nothing is fetched behind our back.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from secureload.errors import AccessError, OfflineError, SourceError, ToolError
from secureload.flow import GitRemote
from secureload.signatures.gitobjects import MalformedObjectError, algorithm_of, object_id

FETCH_SECONDS = 300
"""Longest fetch of commits and trees; the largest repositories need some ten seconds."""

OBJECT_BYTES = 64 << 20
"""Largest commit, tree or tag read; a tree of 100,000 files has about 6 MiB."""

HISTORY = 200_000
"""Most commits of one history; the longest of a model on the Hub has some thousand."""

_LOCAL_SECONDS = 60
_PROTOCOLS = ("https", "http", "file", "ssh")
_KEPT_ENVIRONMENT = (
    "PATH",
    *("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "no_proxy", "NO_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "SSH_AUTH_SOCK"),
)
_HINT_NETWORK = "check the network and the endpoint, then try again"

# What git prints, in the C locale, and what it means.
_NO_GIT_THERE = re.compile(
    rb"not a git repository|does not appear to be a git repository|repository '.*' not found"
    rb"|returned error: 404|not valid: is this a git repository",
    re.IGNORECASE,
)
_NO_ACCESS = re.compile(
    rb"Authentication failed|could not read (?:Username|Password)|Permission denied"
    rb"|returned error: 40[13]|dubious ownership",
    re.IGNORECASE,
)
_NOT_THAT_WAY = re.compile(
    rb"not our ref|unadvertised object|does not support|filtering not recognized|no such remote"
    rb"|expected 'packfile'|bad object|did not send all necessary objects|couldn't find remote ref"
    rb"|upload-pack: not our|shallow",
    re.IGNORECASE,
)


class NoGitHereError(SourceError):
    """The address answers, and there is no git repository."""


class AbsentCommitError(SourceError):
    """The repository is there, and does not have the commit."""


class GitStore:
    """A bare store in `folder` for the objects of one commit.

    `pause` is called with seconds between attempts; a test passes its own.
    """

    def __init__(
        self,
        folder: Path,
        remote: GitRemote,
        commit: str,
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.folder = folder
        self.remote = remote
        self.commit = commit
        self.algorithm = algorithm_of(commit)
        self._pause = pause

    def fetch(self, *, offline: bool = False) -> None:
        """Fetch the commit and its trees, in as few bytes as the server allows.

        Raises:
            NoGitHereError: there is no git repository at the address.
            AbsentCommitError: the repository does not have the commit.
            AccessError: the repository wants another token.
            OfflineError: the address needs the network, and it is forbidden.
            SourceError: the network failed.
            ToolError: git is missing.
        """
        self._prepare(offline)
        everything = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        ways: tuple[tuple[str, ...], ...] = (
            ("--depth=1", "--filter=blob:none", "--", self.remote.url, self.commit),
            ("--depth=1", "--", self.remote.url, self.commit),
            ("--filter=blob:none", "--", self.remote.url, *everything),
            ("--", self.remote.url, *everything),
        )
        for way in ways:
            if self._fetch(way) and self._has(self.commit):
                return
        raise AbsentCommitError(f"{self.remote.url} has no commit {self.commit}")

    def _prepare(self, offline: bool) -> None:
        scheme = urlsplit(self.remote.url).scheme
        if scheme not in _PROTOCOLS:
            raise SourceError(f"git objects are not fetched by `{scheme}`")
        if offline and scheme != "file":
            raise OfflineError(
                f"the signature of {self.remote.url} needs the network, and it is forbidden",
                hint="unset HF_HUB_OFFLINE, or admit it once while online",
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        form = f"--object-format={self.algorithm}"
        self._local("init", "--quiet", "--bare", "--template=", form, ".")

    def fetch_history(self, *, offline: bool = False) -> list[str]:
        """Fetch the commit with all that it descends from, and give the ids that git names.

        Raises:
            AbsentCommitError: the repository does not have the commit.
            SourceError: as for `fetch`, or the history is longer than `HISTORY`.
        """
        self._prepare(offline)
        ways = (
            ("--filter=tree:0", "--", self.remote.url, self.commit),
            ("--filter=blob:none", "--", self.remote.url, self.commit),
            ("--", self.remote.url, self.commit),
        )
        if not any(self._fetch(way) and self._has(self.commit) for way in ways):
            raise AbsentCommitError(f"{self.remote.url} has no commit {self.commit}")
        listed = self._local("rev-list", f"--max-count={HISTORY + 1}", self.commit).split()
        if len(listed) > HISTORY:
            raise SourceError(f"{self.remote.url} has a history of more than {HISTORY:,} commits")
        return [one.decode("ascii") for one in listed]

    def ref(self, name: str) -> str | None:
        """The object that a ref of the remote names right now, unpeeled.

        Raises:
            SourceError: as for `fetch`.
        """
        done = self._remote(("ls-remote", "--quiet", "--", self.remote.url, name))
        rows = [line.split("\t") for line in done.stdout.decode("utf-8", "replace").splitlines()]
        found = [row[0] for row in rows if len(row) == 2 and row[1] == name]
        return found[0] if len(found) == 1 else None

    def fetch_object(self, oid: str) -> bool:
        """Fetch one more object, a tag; False when the server does not give it out."""
        way = ("--depth=1", "--filter=blob:none", "--", self.remote.url, oid)
        return self._fetch(way) and self._has(oid)

    def read(self, kind: str, oids: Sequence[str]) -> list[bytes]:
        """The raw content of objects, hashed here and found to have these ids.

        Raises:
            MalformedObjectError: an object is missing, too large, or hashes to another id.
        """
        request = "".join(f"{oid}\n" for oid in oids).encode()
        sizes = self._local("cat-file", "--batch-check", stdin=request).splitlines()
        for oid, line in zip(oids, sizes, strict=True):
            parts = line.decode("ascii", "replace").split(" ")
            if parts[1] != kind:
                raise MalformedObjectError(f"{kind} {oid} is {parts[1]}")
            if int(parts[2]) > OBJECT_BYTES:
                raise MalformedObjectError(f"{kind} {oid} has {parts[2]} bytes, too many")
        output = self._local("cat-file", "--batch", stdin=request)
        contents = []
        at = 0
        for oid in oids:
            end = output.index(b"\n", at)
            size = int(output[at:end].rsplit(b" ", 1)[1])
            content = output[end + 1 : end + 1 + size]
            at = end + 2 + size
            found = object_id(kind, content, self.algorithm)
            if found != oid:
                raise MalformedObjectError(f"{kind} {oid} has content that hashes to {found}")
            contents.append(content)
        return contents

    def check_collisions(self, kind: str, objects: Iterable[tuple[str, bytes]]) -> None:
        """Hash contents by git too, whose SHA-1 notices known collision attacks.

        Raises:
            MalformedObjectError: git finds another id, or the marks of an attack.
        """
        expected = []
        names = []
        folder = self.folder / "objects-to-hash"
        folder.mkdir(exist_ok=True)
        for number, (oid, content) in enumerate(objects):
            path = folder / f"{kind}-{number}"
            path.write_bytes(content)
            expected.append(oid)
            names.append(f"{path}\n")
        hashed = ("hash-object", "-t", kind, "--literally", "--no-filters", "--stdin-paths")
        done = self._run(hashed, stdin="".join(names).encode(), seconds=_LOCAL_SECONDS, allow="")
        if done.returncode or done.stdout.decode("ascii", "replace").split() != expected:
            why = done.stderr.decode("utf-8", "replace").strip() or "git computes another id"
            raise MalformedObjectError(f"a {kind} does not hash as it should: {why}")

    def _has(self, oid: str) -> bool:
        found = self._local("cat-file", "--batch-check", stdin=f"{oid}\n".encode())
        return not found.rstrip().endswith(b" missing")

    def _fetch(self, way: Sequence[str]) -> bool:
        options = ("--quiet", "--no-tags", "--no-auto-maintenance", "--no-write-fetch-head")
        return self._remote(("fetch", *options, *way), allow=_NOT_THAT_WAY).returncode == 0

    def _remote(
        self, arguments: Sequence[str], *, allow: re.Pattern[bytes] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run git against the remote; transient failures are tried three times."""
        url = self.remote.url
        scheme = urlsplit(url).scheme
        for wait in (0.5, 2.0, None):
            done = self._run(arguments, seconds=FETCH_SECONDS, allow=scheme)
            said = done.stderr
            if done.returncode == 0 or (allow and allow.search(said)):
                return done
            text = _plain(said)
            if _NO_GIT_THERE.search(said):
                raise NoGitHereError(f"{url} is no git repository: {text}")
            if _NO_ACCESS.search(said):
                raise AccessError(
                    f"git may not read {url}: {text}",
                    hint="give a token that can read the repository (HF_TOKEN)",
                )
            if wait is None:
                raise SourceError(f"git could not read {url}: {text}", hint=_HINT_NETWORK)
            self._pause(wait)
        raise AssertionError("the last attempt raises or returns")

    def _local(self, *arguments: str, stdin: bytes = b"") -> bytes:
        done = self._run(arguments, stdin=stdin, seconds=_LOCAL_SECONDS, allow="")
        if done.returncode:
            raise ToolError(f"git {arguments[0]} failed: {_plain(done.stderr)}")
        return done.stdout

    def _run(
        self, arguments: Sequence[str], *, stdin: bytes = b"", seconds: int, allow: str
    ) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                ["git", *arguments],
                cwd=self.folder,
                input=stdin,
                capture_output=True,
                timeout=seconds,
                check=False,
                env=self._environment(allow),
            )
        except FileNotFoundError as error:
            raise ToolError("git is not installed", hint="install git 2.29 or newer") from error
        except subprocess.TimeoutExpired as error:
            raise SourceError(
                f"git gave no answer in {seconds} seconds ({self.remote.url})", hint=_HINT_NETWORK
            ) from error

    def _environment(self, allow: str) -> dict[str, str]:
        """Only what git needs; `allow` is the one protocol it may speak, or nothing."""
        environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
        settings = [
            ("core.hooksPath", os.devnull),
            ("credential.helper", ""),
            ("gc.auto", "0"),
            ("http.lowSpeedLimit", "1000"),
            ("http.lowSpeedTime", "30"),
        ]
        if allow in {"http", "https"} and self.remote.headers:
            # A secret header would follow a redirect to wherever it leads.
            settings.append(("http.followRedirects", "false"))
            settings += [("http.extraHeader", header) for header in self.remote.headers]
        for number, (key, value) in enumerate(settings):
            environment[f"GIT_CONFIG_KEY_{number}"] = key
            environment[f"GIT_CONFIG_VALUE_{number}"] = value
        return environment | {
            "GIT_CONFIG_COUNT": str(len(settings)),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_DIR": str(self.folder),
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
            "GIT_ALLOW_PROTOCOL": allow,
            "HOME": str(self.folder),
            "LC_ALL": "C",
        }


def _plain(said: bytes) -> str:
    """Git's last words, on one line and without control characters."""
    text = said.decode("utf-8", "replace").strip().replace("\n", "; ")
    return "".join(one if one.isprintable() else "?" for one in text)[-500:]
