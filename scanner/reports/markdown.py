"""The report as Markdown, for a comment on a pull request."""

from __future__ import annotations

from scanner.findings import Severity
from scanner.report import FileVerdict, Report
from scanner.reports import Context, Output, shown
from scanner.words import counted

_MOST = 200
_MARKUP = {ord(char): f"&#{ord(char)};" for char in "\\`*_[]<>|!#&@"}


def _cell(text: str) -> str:
    """Text that cannot leave its table cell or become markup."""
    return shown(text).translate(_MARKUP)


def render(report: Report, context: Context) -> str:
    """Print the answer, a table of files that are not clean, and their findings."""
    bad = [file for file in report.files if file.verdict is not FileVerdict.CLEAN]
    files = counted(len(report.files), "file")
    lines = [
        f"### Model scan: {_cell(context.verdict)}",
        "",
        f"{files}, {len(bad)} not clean. Policy {_cell(context.policy)}.",
        "",
    ]
    lines += [f"- {_cell(reason)}" for reason in context.reasons]
    if bad:
        lines += ["", "| File | Format | Verdict | Finding | Severity |", "|---|---|---|---|---|"]
    for file in bad[:_MOST]:
        name = _cell(file.path)
        told = [
            (f"{one.rule}: {_cell(one.message)}", str(one.severity))
            for one in file.findings
            if one.severity > Severity.INFO
        ]
        for what, level in told[:20] or [("", "")]:
            lines.append(
                f"| {name} | {_cell(file.format)} | {file.verdict.value} | {what} | {level} |"
            )
    if len(bad) > _MOST:
        lines.append(f"\n{len(bad) - _MOST} further files are not shown.")
    return "\n".join(lines).rstrip("\n") + "\n"


OUTPUT = Output(name="markdown", render=render)
