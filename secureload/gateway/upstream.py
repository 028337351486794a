"""What the service asks the hub behind it: where a branch leads, and who may read.

Answers are remembered for a short while, each under the credentials that asked, and are
never given to anyone else.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from secureload.errors import AccessError, NotFoundError, OfflineError, SourceError
from secureload.flow import Source
from secureload.gateway.aside import Once
from secureload.gateway.problems import Gated, RepoNotFound, RevisionNotFound, Unavailable
from secureload.settings import Settings
from secureload.sources import TransientError, transport

_T = TypeVar("_T")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

_ANSWER_BYTES = 16 << 20
"""Largest answer read: a model's information lists its files."""

_REMEMBERED = 50_000
"""Answers remembered at most; then all are asked anew."""


class Upstream:
    """The hub behind the service. `refresh` is how long in seconds an answer is good for.

    `count` is told how each question ended: `ok`, `denied`, `throttled` or `failed`.
    """

    def __init__(
        self,
        settings: Settings,
        refresh: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        count: Callable[[str], None] = lambda _result: None,
    ) -> None:
        self._endpoint = settings.endpoint
        self._offline = settings.offline
        self._refresh = refresh
        self._clock = clock
        self._count = count
        self._allowed: dict[tuple[str, str], float] = {}
        self._commits: dict[tuple[str, str, str], tuple[float, str]] = {}
        self._once = Once()

    @property
    def offline(self) -> bool:
        """True when the hub may not be asked."""
        return self._offline

    async def check_access(self, repository: str, token: str, credentials: str) -> None:
        """Let whoever has this token pass if the hub lets them read the repository's files.

        Raises:
            RepoNotFound, Gated: the hub says no.
            Unavailable: the hub cannot be asked.
        """
        key = (credentials, repository)
        if self._allowed.get(key, -1.0) > self._clock():
            return
        path = f"{_about(repository)}/auth-check"
        await self._once.aside(key, self._ask, path, repository, token)
        self._trim()
        self._allowed[key] = self._clock() + self._refresh

    async def commit(self, repository: str, revision: str, token: str, credentials: str) -> str:
        """The commit that a branch, tag or commit id leads to now.

        Raises:
            RepoNotFound, RevisionNotFound, Gated: the hub says no.
            Unavailable: the hub cannot be asked, or answers with nonsense.
        """
        key = (credentials, repository, revision)
        found = self._commits.get(key)
        if found is not None and found[0] > self._clock():
            return found[1]
        path = f"{_about(repository)}/revision/{quote(revision, safe='')}"
        info = await self._once.aside(key, self._ask, path, f"{repository}@{revision}", token)
        commit = info.get("sha")
        if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
            raise Unavailable(f"the hub names no commit for {repository}@{revision}", seconds=30)
        self._trim()
        self._commits[key] = (self._clock() + self._refresh, commit)
        return commit

    def is_fresh(self, repository: str, revision: str, credentials: str) -> bool:
        """Whether the hub was asked of late where this revision leads."""
        found = self._commits.get((credentials, repository, revision))
        return found is not None and found[0] > self._clock()

    def forget(self) -> None:
        """Ask everything anew."""
        self._allowed.clear()
        self._commits.clear()

    def _trim(self) -> None:
        if len(self._allowed) > _REMEMBERED:
            self._allowed.clear()
        if len(self._commits) > _REMEMBERED:
            self._commits.clear()

    def unverified_file(
        self, repository: str, commit: str, path: str, token: str, *, most: int
    ) -> bytes:
        """The bytes that the hub gives for a small file; whoever asks measures them.

        Raises:
            RepoNotFound, RevisionNotFound, Gated, Unavailable: the hub does not give it.
        """
        url = f"{self._endpoint}/{quote(repository)}/resolve/{commit}/{quote(path)}"
        given = self._get(url, f"{repository}@{commit}: {path}", token, most)
        self._count("ok")
        return given

    def _ask(self, path: str, subject: str, token: str) -> Mapping[str, Any]:
        body = self._get(f"{self._endpoint}/api/{path}", subject, token, _ANSWER_BYTES)
        try:
            answer = json.loads(body) if body else {}
        except (ValueError, RecursionError) as error:
            self._count("failed")
            raise Unavailable(f"the hub's answer makes no sense: {error}", seconds=30) from error
        self._count("ok")
        return answer if isinstance(answer, dict) else {}

    def _get(self, url: str, subject: str, token: str, most: int) -> bytes:
        if self._offline:
            raise Unavailable("the hub is not asked: the service is offline", seconds=3_600)
        try:
            return self._asked(url, subject, token, most)
        except (RepoNotFound, RevisionNotFound, Gated):
            self._count("denied")
            raise
        except Unavailable as problem:
            busy = getattr(problem.__cause__, "status", None) == 429
            self._count("throttled" if busy else "failed")
            raise

    def _asked(self, url: str, subject: str, token: str, most: int) -> bytes:
        request = transport.Request(
            url=url,
            subject=subject,
            secret={"Authorization": f"Bearer {token}"} if token else {},
        )
        try:
            with transport.send(request) as response:
                body = bytearray()
                for chunk in transport.chunks(request, response):
                    body += chunk
                    if len(body) > most:
                        raise SourceError(f"the answer for {subject} is too large")
        except NotFoundError as error:
            kind = RevisionNotFound if "no such revision" in error.message else RepoNotFound
            raise kind(error.message) from error
        except AccessError as error:
            raise Gated(error.message) from error
        except TransientError as error:
            seconds = int(min(max(error.retry_after or 5.0, 1.0), 600.0))
            raise Unavailable(error.message, seconds=seconds) from error
        except OfflineError as error:
            raise Unavailable(error.message, seconds=3_600) from error
        except SourceError as error:
            raise Unavailable(f"the hub's answer makes no sense: {error}", seconds=30) from error
        return bytes(body)


def _about(repository: str) -> str:
    source = Source(kind="hub", location=repository)
    return f"{source.repo_type}s/{quote(source.name)}"
