"""What a zip file is made of: its members, and what a reading of it collects."""

from __future__ import annotations

import mmap
import struct
from typing import TypeAlias

from scanner.frozen import dataclass

Buffer: TypeAlias = "bytes | bytearray | memoryview | mmap.mmap"

LOCAL = b"PK\x03\x04"
LOCAL_HEADER = struct.Struct("<4s5H3I2H")

STORED, DEFLATED, BZIP2, LZMA, ZSTD = 0, 8, 12, 14, 93

HAS_DESCRIPTOR = 0x0008
UTF8 = 0x0800

FAR = 0xFFFFFFFF
"""In place of a size or an offset: the true one is in a zip64 record."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One member: where it lies in the file (bytes from its start) and what is said of it."""

    name: str
    header_offset: int
    data_offset: int
    compressed_size: int
    size: int
    method: int
    crc: int
    flags: int
    mode: int = 0
    """The Unix mode, 0 when the archive was made elsewhere."""
    listed: bool = True
    """False for a member that only a walk of the local headers finds."""

    @property
    def kind(self) -> str:
        """`file`, `directory`, `symlink`, `device` or `other`, as the mode and name say."""
        form = self.mode & 0o170000
        if form == 0o120000:
            return "symlink"
        if form in (0o020000, 0o060000):
            return "device"
        if form in (0o010000, 0o140000):
            return "other"
        return "directory" if form == 0o040000 or self.name.endswith("/") else "file"


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Two readers could disagree here, or all of them fail."""

    kind: str
    message: str
    member: str | None = None
    offset: int | None = None
    fatal: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Directory:
    """What a zip file holds: members in order of their place, and what is odd about it."""

    members: tuple[Member, ...]
    problems: tuple[Problem, ...]
    comment: bytes = b""

    def find(self, name: str) -> Member | None:
        """The listed member of this exact name; the last one, as loaders take it."""
        found = None
        for member in self.members:
            if member.listed and member.name == name:
                found = member
        return found


class Reading:
    """One pass over one archive; collects members and problems."""

    def __init__(self, data: memoryview, most: int) -> None:
        self.data = data
        self.most = most
        self.members: list[Member] = []
        self.problems: list[Problem] = []

    def say(
        self,
        kind: str,
        message: str,
        *,
        member: str | None = None,
        offset: int | None = None,
        fatal: bool = False,
    ) -> None:
        """Note a problem; a thousand are enough."""
        if len(self.problems) < 1_000:
            self.problems.append(
                Problem(kind=kind, message=message, member=member, offset=offset, fatal=fatal)
            )


def decoded(raw: bytes, flags: int) -> str:
    """A member's name as text: UTF-8 where its flags say so, code page 437 elsewhere."""
    try:
        return raw.decode("utf-8" if flags & UTF8 or raw.isascii() else "cp437")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "backslashreplace")
