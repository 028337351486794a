"""Recorded cases: what a policy is expected to say, kept beside it in git.

A file of `kind: PolicyTest` lists cases: where a model comes from, who signed it, what its
files are and what was found in them, and the decision that is expected. Nothing is fetched.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from scanner import Confidence, FileResult, Finding, Report, Severity, Status, Where
from secureload.documents import Metadata, load_document
from secureload.flow import (
    Attestation,
    FileClaim,
    Listing,
    SignatureResult,
    SignatureStatus,
    Signer,
    Snapshot,
    Source,
    StoredFile,
    Verdict,
)
from secureload.policy.decide import decide
from secureload.policy.document import Policy

Text = Annotated[str, msgspec.Meta(min_length=1)]


class _Shape(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A part of a case; unknown keys are errors."""


class _Finding(_Shape, frozen=True, kw_only=True):
    rule: Text
    severity: Literal["info", "low", "medium", "high", "critical"]
    message: str = ""


class _File(_Shape, frozen=True, kw_only=True):
    path: Text
    format: Text = "json"
    size: Annotated[int, msgspec.Meta(ge=0)] = 1
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None = None
    status: Literal["examined", "unrecognised", "failed"] = "examined"
    findings: tuple[_Finding, ...] = ()


class _Signature(_Shape, frozen=True, kw_only=True):
    status: Text = "unsigned"
    kind: str = ""
    fingerprint: str = ""


class _Case(_Shape, frozen=True, kw_only=True):
    name: Text
    source: Literal["hub", "local", "git"] = "hub"
    repo: Text = "org/model"
    revision: str | None = None
    commit: Text = "0" * 40
    signature: _Signature = _Signature()
    confined: bool = True
    files: tuple[_File, ...] = ()
    today: dt.date | None = None
    expect: Literal["allow", "deny", "error"]
    rules: tuple[Text, ...] | None = None


class _Spec(_Shape, frozen=True, kw_only=True):
    cases: Annotated[tuple[_Case, ...], msgspec.Meta(min_length=1)]


class _Document(_Shape, frozen=True, kw_only=True):
    api_version: str
    kind: Literal["PolicyTest"]
    metadata: Metadata
    spec: _Spec


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a policy says of one case; `problem` is empty when it is what was expected."""

    name: str
    verdict: Verdict
    problem: str


def run(path: Path, policy: Policy) -> tuple[Outcome, ...]:
    """Judge every case of a file.

    Raises:
        PolicyError: the file is not valid; the message names the line.
    """
    cases = load_document(path, _Document).spec.cases
    return tuple(_judge(case, policy, path) for case in cases)


def _judge(case: _Case, policy: Policy, path: Path) -> Outcome:
    from secureload.errors import PolicyError

    try:
        status = SignatureStatus(case.signature.status)
    except ValueError as error:
        known = ", ".join(one.value for one in SignatureStatus)
        raise PolicyError(
            f"{path}: case `{case.name}`: there is no signature status `{case.signature.status}`",
            hint=f"one of {known}",
        ) from error
    source = Source(kind=case.source, location=case.repo, revision=case.revision)
    claims = tuple(FileClaim(path=file.path, size=file.size) for file in case.files)
    listing = Listing(source=source, commit=case.commit, claims=claims)
    stored = tuple(
        StoredFile(path=file.path, size=file.size, sha256=_sha256(file), git_oid="")
        for file in case.files
    )
    signer = None
    signed: tuple[SignatureResult, ...] = ()
    if case.signature.kind:
        signer = Signer(kind=case.signature.kind, fingerprint=case.signature.fingerprint)
        signed = (SignatureResult(kind=signer.kind, subject="", status=status, signer=signer),)
    verdict, _ = decide(
        case.name,
        listing,
        Attestation(status=status, signer=signer, signatures=signed),
        Snapshot(listing=listing, root=Path(), files=stored),
        Report(files=tuple(_result(file) for file in case.files), ruleset="cases"),
        policy,
        confined=case.confined,
        today=case.today or policy.today,
    )
    return Outcome(name=case.name, verdict=verdict, problem=_difference(case, verdict))


def _difference(case: _Case, verdict: Verdict) -> str:
    if verdict.decision.value != case.expect:
        return f"expected {case.expect}, got {verdict.decision.value}"
    if case.rules is not None and verdict.rules != frozenset(case.rules):
        wanted, got = sorted(case.rules), sorted(verdict.rules)
        return f"expected the rules {', '.join(wanted)}, got {', '.join(got) or 'none'}"
    return ""


def _sha256(file: _File) -> str:
    return file.sha256 or hashlib.sha256(file.path.encode()).hexdigest()


def _result(file: _File) -> FileResult:
    return FileResult(
        path=file.path,
        format=file.format,
        size=file.size,
        sha256=_sha256(file),
        status=Status(file.status),
        findings=tuple(
            Finding(
                rule=finding.rule,
                severity=Severity[finding.severity.upper()],
                confidence=Confidence.HIGH,
                message=finding.message or finding.rule,
                where=Where(),
            )
            for finding in file.findings
        ),
    )
