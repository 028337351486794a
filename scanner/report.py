"""What a scan says of each file and of them all, in a stable order."""

from __future__ import annotations

import enum
from collections.abc import Iterator

from scanner.findings import Finding, Severity
from scanner.frozen import dataclass

PICKLED = (
    "pickle", "torch-zip", "torch-legacy", "torch-tar", "torchscript", "torch-distributed",
    "torch-package", "joblib", "dill",
)  # fmt: skip
"""Formats, by the beginning of their name, that are pickles or carry the one that builds them."""


class Status(enum.Enum):
    """How far a file was read. Only `EXAMINED` can lead to yes."""

    EXAMINED = "examined"
    UNRECOGNISED = "unrecognised"
    FAILED = "failed"


class FileVerdict(enum.Enum):
    """What the findings amount to, worst last."""

    CLEAN = "clean"
    SUSPICIOUS = "suspicious"
    ERROR = "error"
    MALICIOUS = "malicious"


@dataclass(frozen=True, kw_only=True, slots=True)
class FileResult:
    """One file: what it is, how far it was read, what was found.

    `path` is relative to the argument that led to it, `size` in bytes, `sha256` in hex or
    None when the digest was not asked for.
    """

    path: str
    format: str
    size: int
    sha256: str | None
    status: Status
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> FileVerdict:
        """The worst that was found; a file not read to its end is an error or worse."""
        worst = max((finding.severity for finding in self.findings), default=Severity.INFO)
        if worst is Severity.CRITICAL:
            return FileVerdict.MALICIOUS
        if self.status is Status.FAILED:
            return FileVerdict.ERROR
        if self.status is Status.UNRECOGNISED or worst > Severity.INFO:
            return FileVerdict.SUSPICIOUS
        return FileVerdict.CLEAN


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The results of one scan, ordered by path.

    `ruleset` identifies rules, allowlists and readers together: equal rulesets give equal
    findings for equal bytes.
    """

    files: tuple[FileResult, ...]
    ruleset: str

    def __iter__(self) -> Iterator[FileResult]:
        return iter(self.files)

    def count(self, verdict: FileVerdict) -> int:
        """How many files got this verdict."""
        return sum(file.verdict is verdict for file in self.files)
