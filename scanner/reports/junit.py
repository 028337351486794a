"""The report as JUnit XML: one test case a file, so that any CI shows it."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from scanner.findings import Severity
from scanner.patterns import pattern
from scanner.report import FileResult, FileVerdict, Report
from scanner.reports import Context, Output, shown

_UNSAID = pattern("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _attribute(text: str) -> str:
    return quoteattr(_UNSAID.sub("?", shown(text)))


def _case(file: FileResult) -> list[str]:
    head = f"  <testcase classname={_attribute(file.format)} name={_attribute(file.path)}"
    if file.verdict is FileVerdict.CLEAN:
        return [f"{head}/>"]
    kind = "error" if file.verdict is FileVerdict.ERROR else "failure"
    told = [one for one in file.findings if one.severity > Severity.INFO]
    body = "\n".join(f"{one.severity} {one.rule}: {shown(one.message)} [{shown(str(one.where))}]"
                     for one in told)  # fmt: skip
    return [
        f"{head}>",
        f"    <{kind} type={_attribute(file.verdict.value)} message={_attribute(_summary(file))}>"
        f"{escape(_UNSAID.sub('?', body))}</{kind}>",
        "  </testcase>",
    ]


def _summary(file: FileResult) -> str:
    return file.findings[0].message if file.findings else file.status.value


def render(report: Report, context: Context) -> str:
    """Print one test suite."""
    failures = report.count(FileVerdict.MALICIOUS) + report.count(FileVerdict.SUSPICIOUS)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    lines.append(
        f'<testsuite name="secureload" tests="{len(report.files)}" failures="{failures}" '
        f'errors="{report.count(FileVerdict.ERROR)}">'
    )
    for file in report.files:
        lines += _case(file)
    return "\n".join([*lines, "</testsuite>"]) + "\n"


OUTPUT = Output(name="junit", render=render)
