"""A hub with one repository, and an operator whose policy, keys and clock are set by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from secureload import policy
from secureload.errors import Refused
from secureload.flow import CacheEntry, Need, Verdict
from secureload.gate import Gate
from secureload.settings import Settings
from secureload.sources import parse
from tests.servers import keys
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo

START = datetime(2020, 6, 1, tzinfo=UTC)
"""While a key that was made in 2020 for a year is good."""


@dataclass
class Site:
    """The repository is `org/model`; `now` is the time of the operator, not of the hub."""

    hub: LocalHub
    repo: PublishedRepo
    folder: Path
    now: datetime = START

    def gate(self, spec: str, *trust: keys.OpenPGPKey) -> Gate:
        """A gate under a policy that says `spec`, and trusts these keys."""
        roots = []
        for number, key in enumerate(trust):
            (self.folder / f"{number}.asc").write_text(key.public)
            root = self.folder / f"root-{number}.yaml"
            root.write_text(
                f"apiVersion: secureload/v1\nkind: TrustRoot\nmetadata: {{name: root-{number}}}\n"
                f"spec: {{keys: [{{kind: openpgp, file: {number}.asc}}]}}\n"
            )
            roots.append(root)
        path = self.folder / "ours.yaml"
        head = "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: ours}\n"
        path.write_text(f"{head}spec: {{{spec}}}\n")
        settings = Settings.from_environment()
        loaded = policy.with_trust_roots(policy.load(path, settings), roots)
        return Gate(policy=loaded, settings=settings, clock=lambda: self.now)

    def admit(self, spec: str, *trust: keys.OpenPGPKey, revision: str = "") -> CacheEntry:
        reference = f"org/model@{revision}" if revision else "org/model"
        return self.gate(spec, *trust).admit(parse(reference), Need())

    def refused(self, spec: str, *trust: keys.OpenPGPKey, revision: str = "") -> Verdict:
        with pytest.raises(Refused) as error:
            self.admit(spec, *trust, revision=revision)
        return error.value.verdict

    def says(self, scan: object) -> None:
        """What the hub says of its own scan."""
        self.hub.says["org/model"] = {"securityRepoStatus": scan}


@contextmanager
def opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site whose hub runs meanwhile."""
    with LocalHub(root=folder / "hub") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield Site(hub=server, repo=PublishedRepo(server.root, "org/model"), folder=folder)
