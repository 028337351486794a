"""Fingerprints: each names one finding in a file's very bytes, for ignore files to cite."""

from __future__ import annotations

from scanner import FileResult, Finding, Report, Severity
from scanner.frozen import replace


def fingerprint(file: FileResult, finding: Finding) -> str:
    """Name one finding in these very bytes: 32 hex digits, empty for a file without digest."""
    from secureload import policy

    return "" if file.sha256 is None else policy.fingerprint(file.sha256, finding)


def named(report: Report) -> Report:
    """Put each finding's fingerprint into its evidence, for ignore files to cite."""

    def mark(file: FileResult, finding: Finding) -> Finding:
        name = fingerprint(file, finding)
        if not name or finding.severity is Severity.INFO:
            return finding
        return replace(finding, evidence={**finding.evidence, "fingerprint": name})

    return replace(
        report,
        files=tuple(
            replace(file, findings=tuple(mark(file, finding) for finding in file.findings))
            for file in report
        ),
    )
