"""Archives that no reader here opens: known, so that the report can say so."""

from __future__ import annotations

from scanner.formats import Format, Read
from scanner.reader import Blob

_MAGIC = {
    b"Rar!\x1a\x07": "rar",
    b"!<arch>\n": "ar",
    b"MSCF": "cabinet",
}


def label(blob: Blob) -> str:
    """Which archive it is, `` for none."""
    head = blob.head(8)
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), "")


def recognise(blob: Blob) -> bool:
    """Whether it is one of these archives."""
    return bool(label(blob))


def read(blob: Blob) -> Read:
    """Yield that its members were not examined."""
    yield blob.problem(
        "unsupported-archive", f"a {label(blob)} archive: its members were not examined", fatal=True
    )


FORMAT = Format(name="archive", recognise=recognise, read=read, label=label)
