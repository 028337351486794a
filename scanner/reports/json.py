"""The report as one JSON object, `secureload.report/1`; its schema lies in `report.schema.json`."""

from __future__ import annotations

import json
from typing import Any

from scanner.findings import Finding
from scanner.report import FileResult, FileVerdict, Report
from scanner.reports import Context, Output

SCHEMA = "secureload.report/1"


def as_dict(report: Report, context: Context) -> dict[str, Any]:
    """Return the report as plain data, in the schema's order of keys."""
    return {
        "schema": SCHEMA,
        "verdict": context.verdict,
        "policy": {"name": _text(context.policy), "digest": context.policy_digest},
        "ruleset": report.ruleset,
        "reasons": [_text(reason) for reason in context.reasons],
        "files": [_file(file) for file in report.files],
        "summary": {
            "files": len(report.files),
            "clean": report.count(FileVerdict.CLEAN),
            "suspicious": report.count(FileVerdict.SUSPICIOUS),
            "malicious": report.count(FileVerdict.MALICIOUS),
            "error": report.count(FileVerdict.ERROR),
        },
    }


def _file(file: FileResult) -> dict[str, Any]:
    return {
        "path": _text(file.path),
        "format": file.format,
        "size": file.size,
        "sha256": file.sha256,
        "status": file.status.value,
        "verdict": file.verdict.value,
        "findings": [_finding(finding) for finding in file.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    where = finding.where
    return {
        "rule": finding.rule,
        "severity": str(finding.severity),
        "confidence": str(finding.confidence),
        "message": _text(finding.message),
        "where": {
            "member": None if where.member is None else _text(where.member),
            "offset": where.offset,
            "opcode": where.opcode,
        },
        "evidence": {key: _plain(value) for key, value in sorted(finding.evidence.items())},
    }


def _plain(value: object) -> object:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, tuple):
        return [_text(str(item)) for item in value]
    return value


def _text(text: str) -> str:
    """Lone surrogates escaped, so that the output is valid UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def render(report: Report, context: Context) -> str:
    """Print the report as indented JSON."""
    return json.dumps(as_dict(report, context), indent=1, ensure_ascii=False) + "\n"


OUTPUT = Output(name="json", render=render)
