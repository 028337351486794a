"""Zip files with every field free to lie; harmless content."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass, field


@dataclass(kw_only=True)
class Entry:
    """One member; what is None is filled in truthfully."""

    name: str = "a.txt"
    data: bytes = b"hello"
    method: int = 0
    flags: int = 0
    local_name: str | None = None
    local_flags: int | None = None
    local_method: int | None = None
    local_crc: int | None = None
    crc: int | None = None
    size: int | None = None
    listed: bool = True
    mode: int = 0
    extra: bytes = field(default=b"")

    @property
    def packed(self) -> bytes:
        if self.method != 8:
            return self.data
        pack = zlib.compressobj(wbits=-15)
        return pack.compress(self.data) + pack.flush()


def build(*entries: Entry, prefix: bytes = b"", suffix: bytes = b"", comment: bytes = b"") -> bytes:
    """Lay the entries out; `prefix` shifts nothing, so offsets count from its end."""
    body, central, listed = bytearray(), bytearray(), 0
    for entry in entries:
        at = len(body)
        name = (entry.local_name or entry.name).encode()
        crc = zlib.crc32(entry.data) if entry.crc is None else entry.crc
        size = len(entry.data) if entry.size is None else entry.size
        body += struct.pack(
            "<4s5H3I2H", b"PK\3\4", 20,
            entry.flags if entry.local_flags is None else entry.local_flags,
            entry.method if entry.local_method is None else entry.local_method,
            0, 0, crc if entry.local_crc is None else entry.local_crc,
            len(entry.packed), size, len(name), len(entry.extra),
        )  # fmt: skip
        body += name + entry.extra + entry.packed
        if entry.listed:
            listed += 1
            raw = entry.name.encode()
            central += struct.pack(
                "<4s6H3I5H2I", b"PK\1\2", 3 << 8 | 20, 20, entry.flags, entry.method, 0, 0, crc,
                len(entry.packed), size, len(raw), 0, 0, 0, 0, entry.mode << 16, at,
            ) + raw  # fmt: skip
    end = struct.pack(
        "<4s4H2IH", b"PK\5\6", 0, 0, listed, listed, len(central), len(body), len(comment)
    )
    return prefix + bytes(body) + bytes(central) + end + comment + suffix


def plain(members: dict[str, bytes], *, method: int = zipfile.ZIP_STORED) -> bytes:
    """An ordinary archive, as Python's own library writes it."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return held.getvalue()
