"""Waivers: findings that someone looked at and answers for, in these very bytes, for a while.

A waiver is a YAML file of `kind: Waiver` that lives in git beside the policy. It names the
digests of the files and the fingerprints of the findings in them, so it excuses nothing in
other bytes, and nothing new in the same ones.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml

from scanner import Finding
from secureload.documents import API_VERSION, Metadata, load_document
from secureload.policy.excuses import fingerprint
from secureload.policy.topics import Waivers

Text = Annotated[str, msgspec.Meta(min_length=1)]
Digest = Annotated[str, msgspec.Meta(pattern="^sha256:[0-9a-f]{64}$")]
Fingerprint = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]


class _Spec(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    files: Annotated[tuple[Digest, ...], msgspec.Meta(min_length=1)]
    fingerprints: Annotated[tuple[Fingerprint, ...], msgspec.Meta(min_length=1)]
    rules: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
    repos: tuple[Text, ...] = ("*",)
    owner: Text
    statement: Text
    justification: str = ""
    approved_by: tuple[Text, ...] = ()
    issued: dt.date
    expires: dt.date


class _Document(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    api_version: str
    kind: Literal["Waiver"]
    metadata: Metadata
    spec: _Spec


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """One waiver. `files` are SHA-256 in hex; `expires` is the last day on which it counts."""

    name: str
    path: Path = field(compare=False)
    files: tuple[str, ...]
    fingerprints: tuple[str, ...]
    rules: tuple[str, ...]
    repos: tuple[str, ...]
    owner: str
    statement: str
    justification: str
    approved_by: tuple[str, ...]
    issued: dt.date
    expires: dt.date

    @property
    def digest(self) -> str:
        """SHA-256 (`sha256:...`) of all that it says, wherever it lies."""
        said = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "path"}
        canonical = msgspec.json.encode(said, order="sorted")
        return f"sha256:{hashlib.sha256(canonical).hexdigest()}"

    def current(self, today: dt.date) -> bool:
        """Whether its time has come and not gone."""
        return self.issued <= today <= self.expires

    def problem(self, settings: Waivers, today: dt.date) -> str:
        """Why it does not count today under these settings; empty when it does."""
        if today > self.expires:
            return f"expired on {self.expires}"
        if today < self.issued:
            return f"is not issued before {self.issued}"
        days = (self.expires - self.issued).days
        if settings.max_days is not None and days > settings.max_days:
            return f"lasts {days} days, where the policy allows {settings.max_days}"
        # Nobody approves what is their own, however their name is written.
        approvers = {name.strip().casefold() for name in self.approved_by}
        approvers -= {self.owner.strip().casefold(), ""}
        if len(approvers) < settings.approvers:
            return (
                f"needs {settings.approvers} approvers besides its owner and has {len(approvers)}"
            )
        return ""


def load(path: Path) -> Waiver:
    """Read one waiver.

    Raises:
        PolicyError: the file is not valid; the message names the line.
    """
    document = load_document(path, _Document)
    spec = document.spec
    return Waiver(
        name=document.metadata.name,
        path=path,
        files=tuple(digest.removeprefix("sha256:") for digest in spec.files),
        fingerprints=spec.fingerprints,
        rules=spec.rules,
        repos=spec.repos,
        owner=spec.owner,
        statement=spec.statement,
        justification=spec.justification,
        approved_by=spec.approved_by,
        issued=spec.issued,
        expires=spec.expires,
    )


def draft(
    found: Iterable[tuple[str, Finding]],
    *,
    name: str,
    owner: str,
    statement: str,
    issued: dt.date,
    expires: dt.date,
    approved_by: Sequence[str] = (),
    repos: Sequence[str] = (),
) -> str:
    """A waiver as YAML for findings, each with the SHA-256 (hex) of the file that it is in.

    Raises:
        ValueError: there is no finding.
    """
    chosen = list(found)
    if not chosen:
        raise ValueError("a waiver needs a finding")
    spec: dict[str, Any] = {
        "files": sorted({f"sha256:{sha256}" for sha256, _ in chosen}),
        "fingerprints": sorted({fingerprint(sha256, finding) for sha256, finding in chosen}),
        "rules": sorted({finding.rule for _, finding in chosen}),
        "owner": owner,
        "statement": statement,
        "approvedBy": list(approved_by),
        "issued": issued,
        "expires": expires,
    }
    if repos:
        spec["repos"] = list(repos)
    document = {
        "apiVersion": API_VERSION,
        "kind": "Waiver",
        "metadata": {"name": name},
        "spec": spec,
    }
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=90)
    return text
