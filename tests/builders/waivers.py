"""Waiver files for tests: for what the scanner finds in given bytes, as of a given day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from scanner import Severity, scan
from secureload.policy import fingerprint
from tests.builders import models

TODAY = dt.datetime.now(dt.UTC).date()
ODD = bytes(range(256)) * 4
"""Content of no known format: not provably harmless, so suspicious."""


def suspicious() -> dict[str, bytes]:
    """The small legacy classifier with a vocabulary that nothing recognises."""
    return models.legacy() | {"vocab.txt": ODD}


def write(path: Path, folder: Path, **changes: Any) -> Path:
    """Write a waiver for every finding in a folder; `changes` replace parts of its spec."""
    found = [
        (file, finding)
        for file in scan([folder], digest=True)
        for finding in file.findings
        if finding.severity > Severity.INFO
    ]
    assert found
    spec: dict[str, Any] = {
        "files": sorted({f"sha256:{file.sha256}" for file, _ in found}),
        "fingerprints": sorted({fingerprint(str(file.sha256), one) for file, one in found}),
        "rules": sorted({finding.rule for _, finding in found}),
        "owner": "team@example.org",
        "statement": "reviewed",
        "approvedBy": ["second@example.org", "third@example.org"],
        "issued": TODAY - dt.timedelta(days=1),
        "expires": TODAY + dt.timedelta(days=10),
    }
    spec.update(changes)
    document = {
        "apiVersion": "secureload/v1",
        "kind": "Waiver",
        "metadata": {"name": path.stem},
        "spec": spec,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document))
    return path


def policy(path: Path, *, spec: Mapping[str, Any] | None = None, **waivers: Any) -> Path:
    """A policy that extends `default` and says these things about waivers."""
    said = {"extends": "default", "waivers": waivers, **(spec or {})}
    document = {
        "apiVersion": "secureload/v1",
        "kind": "TrustPolicy",
        "metadata": {"name": path.stem},
        "spec": said,
    }
    path.write_text(yaml.safe_dump(document))
    return path
