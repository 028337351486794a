"""An archive or container holds a link, a device, or data that lies in another file.

Why it matters
    Unpacking a link and then a file through it writes outside the folder.
Fires on
    Symbolic and hard links, devices and pipes in zip and tar archives; external links,
    external storage and virtual datasets in HDF5; external tensors of ONNX that leave the
    folder.
Stays quiet on
    Files and directories.
Remedy
    Ask for an archive of plain files.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.facts import MemberFact
from scanner.findings import Severity
from scanner.rules import Rule


def check(fact: MemberFact) -> Iterator[str]:
    """Yield one message for a member that is no plain file."""
    if fact.kind not in ("file", "directory"):
        target = f" to `{fact.target[:100]}`" if fact.target else ""
        yield f"`{fact.name[:100]}` is a {fact.kind}{target}"


RULE = Rule(id="link-in-archive", reads=MemberFact, severity=Severity.HIGH, check=check)
