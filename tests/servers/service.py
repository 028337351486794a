"""The service as a process of its own on loopback, as a user starts it.

with Service(home, upstream=hub.url) as service:
    os.environ["HF_ENDPOINT"] = service.url
"""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.servers.loopback import begin, end


@dataclass(frozen=True)
class Reply:
    """An answer: status, headers in lower case, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(kw_only=True)
class Service:
    """`secureload serve` on a free port; `options` are further command line arguments."""

    home: Path
    upstream: str
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Service:
        self.process = begin(
            "serve",
            *("--port", "0", "--upstream", self.upstream, *self.options),
            home=self.home,
            log=self.home.parent / "service.log",
            environment=self.environment,
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        if " at http://" not in said:
            self.process.wait(10)
            raise RuntimeError(f"the service did not start: {said}{self.log()}")
        self.url = said.rpartition(" at ")[2].strip()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> int:
        """End it as an operator would, and give its exit code."""
        assert self.process is not None
        return end(self.process)

    def log(self) -> str:
        """What it wrote to standard error."""
        return (self.home.parent / "service.log").read_text()

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        token: str = "",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One request, without any client library; JSON unless `headers` say otherwise."""
        named = dict(headers or {})
        if token:
            named["Authorization"] = f"Bearer {token}"
        if body is not None:
            named.setdefault("Content-Type", "application/json")
        return ask(f"{self.url}{path}", method=method, body=body, headers=named)


def ask(
    url: str, *, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] = {}
) -> Reply:
    """One request, whatever the answer's status."""
    request = urllib.request.Request(url, data=body, headers=dict(headers), method=method)
    try:
        with urllib.request.urlopen(request, timeout=180) as answer:
            return _reply(answer.status, answer)
    except urllib.error.HTTPError as error:
        with error:
            return _reply(error.code, error)


def _reply(status: int, answer: Any) -> Reply:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Reply(status, headers, answer.read())
