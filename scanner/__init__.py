"""Read model files and say what they would do, without running them.

A guided tour. `scan(paths)` walks files and folders and returns a `Report`; each
`FileResult` in it has a status, findings and a verdict. `scanner.facts` is the waist
between the readers in `scanner.formats` and the rules in `scanner.rules`;
`scanner.pickles` is the abstract pickle machine.

This package imports no torch, no network, and nothing of `secureload`.
"""

from scanner.engine import ruleset, scan, scan_bytes, scan_file
from scanner.findings import Confidence, Finding, Severity, Where
from scanner.report import FileResult, FileVerdict, Report, Status

__all__ = [
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
