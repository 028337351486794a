"""tar archives with members of any kind."""

from __future__ import annotations

import io
import tarfile


def tar(members: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    """A tar of plain members, then of symbolic links (name to target)."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return held.getvalue()
