"""A report with one file of every verdict, and text that tries to break out of its place."""

from __future__ import annotations

from scanner import Confidence, FileResult, Finding, Report, Severity, Status, Where
from scanner.reports import Context

NASTY = "a|b\n<script>&\x1b[31m`x`\udc80"


def finding(severity: Severity, message: str = "what it does", **where: object) -> Finding:
    return Finding(
        rule="runs-shell",
        severity=severity,
        confidence=Confidence.HIGH,
        message=message,
        where=Where(**where),  # type: ignore[arg-type]
        evidence={"global": "os.system", "count": 2, "names": ("a", "b")},
    )


def file(path: str, status: Status, *findings: Finding) -> FileResult:
    return FileResult(
        path=path, format="pickle", size=2048, sha256="0" * 64, status=status, findings=findings
    )


REPORT = Report(
    files=(
        file("clean.bin", Status.EXAMINED),
        file("error.bin", Status.FAILED, finding(Severity.MEDIUM)),
        file("evil.bin", Status.EXAMINED,
             finding(Severity.CRITICAL, NASTY, member="a/data.pkl", offset=7, opcode="REDUCE")),
        file(f"odd {NASTY}", Status.UNRECOGNISED, finding(Severity.MEDIUM, offset=3)),
    ),
    ruleset="sha256:" + "1" * 64,
)  # fmt: skip
CONTEXT = Context(
    verdict="deny", policy="default", policy_digest="sha256:2", reasons=("evil.bin: no",)
)
