"""Read model files and say what they would do, without running them.

A guided tour. `scan(paths)` walks files and folders and returns a `Report`; each
`FileResult` in it has a status, findings and a verdict. `scanner.facts` is the waist
between the readers in `scanner.formats` and the rules in `scanner.rules`;
`scanner.pickles` is the abstract pickle machine.

This package imports no torch, no network, and nothing of `secureload`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scanner.engine import ruleset, scan, scan_bytes, scan_file
    from scanner.findings import Confidence, Finding, Severity, Where
    from scanner.report import PICKLED, FileResult, FileVerdict, Report, Status

__all__ = [
    "PICKLED",
    "Confidence",
    "FileResult",
    "FileVerdict",
    "Finding",
    "Report",
    "Severity",
    "Status",
    "Where",
    "ruleset",
    "scan",
    "scan_bytes",
    "scan_file",
]

_HOMES = {
    "PICKLED": "scanner.report",
    "Confidence": "scanner.findings",
    "FileResult": "scanner.report",
    "FileVerdict": "scanner.report",
    "Finding": "scanner.findings",
    "Report": "scanner.report",
    "Severity": "scanner.findings",
    "Status": "scanner.report",
    "Where": "scanner.findings",
    "ruleset": "scanner.engine",
    "scan": "scanner.engine",
    "scan_bytes": "scanner.engine",
    "scan_file": "scanner.engine",
}
"""Imported when they are asked for: who wants one of this package's parts needs no engine."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return found
