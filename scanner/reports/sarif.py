"""The report as SARIF 2.1.0, for code scanning; fingerprints stay the same between runs.

Source: OASIS Static Analysis Results Interchange Format 2.1.0.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import quote

from scanner.findings import Finding, Severity
from scanner.report import FileResult, Report, Status
from scanner.reports import Context, Output
from scanner.rules import rules

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {
    Severity.INFO: "note",
    Severity.LOW: "warning",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "error",
}
_SCORES = {Severity.INFO: "0.0", Severity.LOW: "3.0", Severity.MEDIUM: "5.5", Severity.HIGH: "8.0",
           Severity.CRITICAL: "9.5"}  # fmt: skip


def _rule(rule_id: str, severity: Severity, page: str) -> dict[str, Any]:
    title = page.partition("\n")[0] or rule_id
    return {
        "id": rule_id,
        "shortDescription": {"text": title},
        "fullDescription": {"text": title},
        "help": {"text": page or title},
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": {"security-severity": _SCORES[severity], "tags": ["security"]},
    }


def fingerprint(file: FileResult, finding: Finding) -> str:
    """What stays the same for one finding in one file while offsets and order may move."""
    about = str(finding.evidence.get("global") or finding.message)
    parts = (finding.rule, file.path, finding.where.member or "", about)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()


def _result(file: FileResult, finding: Finding, index: dict[str, int]) -> dict[str, Any]:
    physical: dict[str, Any] = {
        "artifactLocation": {"uri": quote(file.path.encode("utf-8", "backslashreplace"))}
    }
    if finding.where.offset is not None and finding.where.member is None:
        physical["region"] = {"byteOffset": max(0, finding.where.offset), "byteLength": 0}
    location: dict[str, Any] = {"physicalLocation": physical}
    if finding.where.member is not None:
        member = _text(finding.where.member)
        location["logicalLocations"] = [{"fullyQualifiedName": member, "kind": "member"}]
    return {
        "ruleId": finding.rule,
        "ruleIndex": index[finding.rule],
        "level": _LEVELS[finding.severity],
        "message": {"text": _text(f"{finding.message} [{finding.where}]")},
        "locations": [location],
        "partialFingerprints": {"secureload/v1": fingerprint(file, finding)},
        "properties": {
            "severity": str(finding.severity),
            "confidence": str(finding.confidence),
            "verdict": file.verdict.value,
        },
    }


def _text(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def render(report: Report, context: Context) -> str:
    """Print one run with its rules, results and what could not be read."""
    used = sorted({finding.rule for file in report for finding in file.findings})
    known = {rule.id: rule for rule in rules()}
    index = {rule_id: place for place, rule_id in enumerate(used)}
    described = [
        _rule(rule_id, known[rule_id].severity, known[rule_id].page)
        if rule_id in known
        else _rule(rule_id, Severity.MEDIUM, "")
        for rule_id in used
    ]
    failed = [file for file in report if file.status is not Status.EXAMINED]
    document = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "secureload",
                        "semanticVersion": context.version if context.version != "0" else "0.0.0",
                        "rules": described,
                    }
                },
                "columnKind": "utf16CodeUnits",
                "results": [
                    _result(file, finding, index) for file in report for finding in file.findings
                ],
                "invocations": [
                    {
                        "executionSuccessful": context.verdict != "error",
                        "toolExecutionNotifications": [
                            {
                                "level": "warning",
                                "message": {"text": _text(f"{file.path}: {file.status.value}")},
                            }
                            for file in failed
                        ],
                    }
                ],
                "properties": {
                    "verdict": context.verdict,
                    "policy": context.policy,
                    "ruleset": report.ruleset,
                },
            }
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


OUTPUT = Output(name="sarif", render=render)
