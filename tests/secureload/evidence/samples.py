"""A home with an operator key, and models admitted there, without any network."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secureload import policy
from secureload.evidence import operator
from secureload.evidence.envelope import canonical, seal
from secureload.evidence.operator import Operator
from secureload.flow import CacheEntry, Need
from secureload.gate import Gate
from secureload.settings import Settings
from secureload.sources import parse
from tests.builders import models

_ROOT = (
    "apiVersion: secureload/v1\nkind: TrustRoot\nmetadata: {name: verifiers}\n"
    "spec:\n  keys:\n    - {kind: verifier, file: verifier.pub}\n"
)


@dataclass(frozen=True, kw_only=True)
class Home:
    """One installation: its folder, and its operator's key if it has one."""

    path: Path
    key: Operator | None = None

    @property
    def public(self) -> Path:
        return operator.public_file(operator.key_file(self.path))

    def gate(self, *verifiers: bytes, trust_policy: str | Path | None = None) -> Gate:
        """A gate without network that lets these public keys decide."""
        settings = Settings(
            home=self.path, endpoint="http://127.0.0.1:9", policy="default", offline=True
        )
        roots = []
        for number, pem in enumerate(verifiers):
            folder = self.path.parent / f"{self.path.name}-trust-{number}"
            folder.mkdir(exist_ok=True)
            (folder / "verifier.pub").write_bytes(pem)
            (folder / "verifiers.yaml").write_text(_ROOT)
            roots.append(folder / "verifiers.yaml")
        loaded = policy.with_trust_roots(policy.load(trust_policy, settings), roots)
        return Gate(policy=loaded, settings=settings, offline=True)


def home(path: Path, *, key: bool = True) -> Home:
    made = operator.create(operator.key_file(path)) if key else None
    return Home(path=path, key=made)


def folder(path: Path, files: dict[str, bytes] | None = None) -> Path:
    """A local model folder; the small legacy classifier unless told otherwise."""
    for name, data in (models.legacy() if files is None else files).items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return path


def admit(gate: Gate, model: Path) -> CacheEntry:
    return gate.admit(parse(str(model)), Need())


def payload(document: bytes) -> dict[str, Any]:
    """The statement inside an envelope, to be changed by a forger."""
    envelope = json.loads(document)
    envelope = envelope.get("dsseEnvelope", envelope)
    statement: dict[str, Any] = json.loads(base64.b64decode(envelope["payload"]))
    return statement


def signed(statement: dict[str, Any], key: Operator, **kind: str) -> bytes:
    return canonical(seal(canonical(statement), key, **kind))
