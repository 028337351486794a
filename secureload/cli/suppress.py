"""Findings that someone has looked at: an ignore file with reasons, a baseline of before.

What is suppressed is not hidden: it stays in the report as information whose evidence
says why. A
malicious file is excused only by a fingerprint, which names these very bytes.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from scanner import FileResult, Finding, Report, Severity
from secureload.cli.fingerprints import fingerprint
from secureload.documents import Metadata, load_document
from secureload.errors import UsageError
from secureload.flow import Waived

_MAX_BASELINE_BYTES = 500_000_000
"""Largest earlier report read; one of 100,000 files is about a tenth of it."""

Text = Annotated[str, msgspec.Meta(min_length=1)]


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Text
    rule: str = "*"
    paths: tuple[Text, ...] = ("*",)
    fingerprint: str = ""
    expires: dt.date | None = None


class _Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    findings: tuple[_Entry, ...]


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    apiVersion: str  # noqa: N815
    kind: Literal["Ignore"]
    metadata: Metadata
    spec: _Spec


@dataclass(frozen=True, kw_only=True)
class Suppressed:
    """A report after suppression, how many findings were, and entries that no longer count."""

    report: Report
    count: int
    expired: tuple[str, ...] = ()


def waived(report: Report, excused: tuple[Waived, ...]) -> Report:
    """Turn what waivers excuse into information."""
    until = {(one.path, one.fingerprint): one for one in excused}

    def excuse(file: FileResult, finding: Finding) -> str | None:
        one = until.get((file.path, fingerprint(file, finding)))
        if one is None:
            return None
        return f"waived by {one.owner} until {one.expires} (waiver {one.waiver})"

    return _suppressed(report, excuse).report


def ignored(report: Report, path: Path, today: dt.date) -> Suppressed:
    """Turn what an ignore file lists into information.

    Raises:
        PolicyError: the file is not valid; the message names the line.
    """
    entries = load_document(path, _Document).spec.findings
    current = [entry for entry in entries if entry.expires is None or entry.expires >= today]
    expired = tuple(
        f"{entry.rule} {entry.fingerprint or ' '.join(entry.paths)} ({entry.expires})"
        for entry in entries
        if entry not in current
    )

    def excuse(file: FileResult, finding: Finding) -> str | None:
        for entry in current:
            if entry.fingerprint:
                if entry.fingerprint != fingerprint(file, finding):
                    continue
            elif finding.severity is Severity.CRITICAL:
                continue
            if fnmatchcase(finding.rule, entry.rule) and any(
                fnmatchcase(file.path, glob) for glob in entry.paths
            ):
                return f"ignored: {entry.reason}"
        return None

    return replace(_suppressed(report, excuse), expired=expired)


def known_before(report: Report, baseline: Path) -> Suppressed:
    """Turn what an earlier JSON report had in the same file into information.

    Raises:
        UsageError: the baseline is not a report.
    """
    seen, exact = _read_baseline(baseline)

    def excuse(file: FileResult, finding: Finding) -> str | None:
        key = _key(file.path, finding.rule, finding.evidence.get("global"), finding.message)
        if finding.severity is Severity.CRITICAL:
            return "in the baseline" if file.sha256 and (*key, file.sha256) in exact else None
        return "in the baseline" if key in seen else None

    return _suppressed(report, excuse)


def above(report: Report, threshold: Severity) -> Report:
    """Leave out findings less severe than the threshold; how far files were read stays."""
    return replace(
        report,
        files=tuple(
            replace(
                file,
                findings=tuple(found for found in file.findings if found.severity >= threshold),
            )
            for file in report
        ),
    )


def _suppressed(report: Report, excuse: Callable[[FileResult, Finding], str | None]) -> Suppressed:
    count = 0
    files = []
    for file in report:
        findings = []
        for finding in file.findings:
            why = excuse(file, finding) if finding.severity > Severity.INFO else None
            if why is not None:
                count += 1
                was = {"suppressed": why, "severity": str(finding.severity)}
                evidence = {**finding.evidence, **was}
                finding = replace(finding, severity=Severity.INFO, evidence=evidence)
            findings.append(finding)
        files.append(replace(file, findings=tuple(findings)))
    return Suppressed(report=replace(report, files=tuple(files)), count=count)


def _read_baseline(path: Path) -> tuple[set[Any], set[Any]]:
    hint = "make one with `secureload scan --format json --output FILE`"
    try:
        if path.stat().st_size > _MAX_BASELINE_BYTES:
            raise UsageError(f"{path}: larger than {_MAX_BASELINE_BYTES} bytes", hint=hint)
        document = json.loads(path.read_bytes())
        if document["schema"] != "secureload.report/1":
            raise UsageError(f"{path}: `{document['schema']}` is no report", hint=hint)
        seen, exact = set(), set()
        for file in document["files"]:
            for finding in file["findings"]:
                about = finding.get("evidence", {}).get("global")
                key = _key(file["path"], finding["rule"], about, finding["message"])
                seen.add(key)
                exact.add((*key, file["sha256"]))
    except OSError as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{path}: {error.strerror or error}", hint=hint) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"{path}: not a report of `secureload scan`", hint=hint) from error
    return seen, exact


def _key(path: str, rule: str, about: Any, message: str) -> tuple[str, str, str]:
    return (path, rule, str(about or message))
