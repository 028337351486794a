"""What a scan of bytes in memory says, in a form that tests compare."""

from __future__ import annotations

from scanner import FileResult, FileVerdict, Status, scan_bytes

CLEAN, SUSPICIOUS = FileVerdict.CLEAN, FileVerdict.SUSPICIOUS
MALICIOUS, ERROR = FileVerdict.MALICIOUS, FileVerdict.ERROR

SHELL = b"cposix\nsystem\n(S'true'\ntR."
"""A pickle that runs `true`; every reader that finds it says `runs-shell`."""


def tell(data: bytes, name: str = "model.bin") -> FileResult:
    return scan_bytes(data, name=name)


def rules(result: FileResult) -> set[str]:
    return {finding.rule for finding in result.findings}


def assert_clean(data: bytes, form: str, name: str = "model.bin") -> None:
    result = tell(data, name)
    assert (result.format, result.status, result.findings) == (form, Status.EXAMINED, ())
    assert result.verdict is CLEAN
