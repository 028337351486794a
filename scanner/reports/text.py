"""The report for people: one line a file, its findings below, and the answer at the end."""

from __future__ import annotations

from scanner.findings import Finding, Severity
from scanner.report import FileResult, FileVerdict, Report
from scanner.reports import Context, Output, shown
from scanner.words import counted

_COLOURS = {
    FileVerdict.CLEAN: "32",
    FileVerdict.SUSPICIOUS: "33",
    FileVerdict.ERROR: "35",
    FileVerdict.MALICIOUS: "31",
}
_MARKS = {
    FileVerdict.CLEAN: "ok",
    FileVerdict.SUSPICIOUS: "suspicious",
    FileVerdict.ERROR: "error",
    FileVerdict.MALICIOUS: "malicious",
}
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def size_of(count: int) -> str:
    """A size in bytes as people read it."""
    value, unit = float(count), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{count} B" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def _lines(file: FileResult, context: Context, wide: int, form: int) -> list[str]:
    verdict = file.verdict
    mark = f"{_MARKS[verdict]:<10}"
    if context.colour:
        mark = f"\x1b[{_COLOURS[verdict]}m{mark}\x1b[0m"
    head = f"{mark}  {shown(file.path):<{wide}}  {file.format:<{form}}  {size_of(file.size):>10}"
    return [head.rstrip(), *(_finding(finding) for finding in file.findings)]


def _finding(finding: Finding) -> str:
    count = finding.evidence.get("count")
    times = f" ({count} times)" if isinstance(count, int) and count > 1 else ""
    place = "" if str(finding.where) == "whole file" else f" [{shown(str(finding.where))}]"
    level = str(finding.severity) if finding.severity > Severity.INFO else "note"
    return f"    {level:<8} {finding.rule}: {shown(finding.message)}{times}{place}"


def render(report: Report, context: Context) -> str:
    """Print the table, then the counts and the answer."""
    files = report.files
    wide = min(60, max((len(shown(file.path)) for file in files), default=0))
    form = max((len(file.format) for file in files), default=0)
    lines = [line for file in files for line in _lines(file, context, wide, form)]
    counts = ", ".join(
        f"{report.count(verdict)} {word}"
        for verdict, word in _MARKS.items()
        if report.count(verdict)
    )
    said = f"{counted(len(files), 'file')}: {counts or 'nothing to scan'}"
    lines += ["", said.replace(" ok", " clean")]
    lines += [f"  - {shown(reason)}" for reason in context.reasons]
    lines.append(f"{context.verdict} under policy `{context.policy}`")
    return "\n".join(lines) + "\n"


OUTPUT = Output(name="text", render=render)
