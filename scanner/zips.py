"""The directory of a zip file, read every way that a reader might, with each difference told.

Readers of zip files disagree: some trust the central directory, some walk the local
headers, some shift offsets when bytes are prepended, some ignore case. What two of them
could understand differently is a `Problem` here, and the members of every reading are
listed. Nothing is expanded, and member data is not touched.

Source: PKWARE APPNOTE.TXT 6.3.10; torch's writer (flag 0x0808, `FB` padding, CRC optional).
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO, TypeAlias

from scanner.frozen import dataclass

Buffer: TypeAlias = "bytes | bytearray | memoryview | mmap.mmap"

LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_END64, _LOCATOR64, _DESCRIPTOR = b"PK\x06\x06", b"PK\x06\x07", b"PK\x07\x08"

_CENTRAL = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_END = struct.Struct("<4s4H2IH")
_ENDING64 = struct.Struct("<4sQ2H2I4Q")

_FAR = 0xFFFFFFFF
_TAIL = 22 + 0xFFFF

STORED, DEFLATED, BZIP2, LZMA, ZSTD = 0, 8, 12, 14, 93

ENCRYPTED = 0x0001 | 0x0040 | 0x2000
HAS_DESCRIPTOR = 0x0008
UTF8 = 0x0800


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


@dataclass(frozen=True, slots=True)
class _Ending:
    """What one end record says, zip64 already applied."""

    offset: int
    directory_end: int
    directory_size: int
    directory_offset: int
    count: int
    comment: bytes


def looks_like_zip(data: Buffer) -> bool:
    """Whether an end record lies where readers look for one."""
    return END in bytes(data[max(0, len(data) - _TAIL) :])


def end_records(data: Buffer) -> list[int]:
    """Where end records begin in the tail, each of which some reader could take."""
    start = max(0, len(data) - _TAIL)
    tail = bytes(data[start:])
    return [start + match.start() for match in re.finditer(re.escape(END), tail)]


def read_directory(source: Buffer | BinaryIO, *, members: int = 200_000) -> Directory:
    """Read the directory of a zip file, given its bytes or an open file.

    `members` bounds how many are listed. A file without any end record gives a directory
    with a fatal problem, never an exception.
    """
    if isinstance(source, (bytes, bytearray, memoryview, mmap.mmap)):
        return _Reading(memoryview(source), members).result()
    try:
        mapped = mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError:
        return _Reading(memoryview(b""), members).result()
    view = memoryview(mapped)
    try:
        return _Reading(view, members).result()
    finally:
        view.release()
        mapped.close()


class _Reading:
    """One pass over one archive; collects members and problems."""

    def __init__(self, data: memoryview, most: int) -> None:
        self.data = data
        self.most = most
        self.members: list[Member] = []
        self.problems: list[Problem] = []
        self.ends: dict[int, int] = {}
        """Where each member's data ends, by header offset."""

    def result(self) -> Directory:
        endings = list(self._endings())
        if not endings:
            self._say("no-end-record", "the zip end record is missing or cut off", fatal=True)
            self._walk(((0, len(self.data)),))
            return self._directory(b"")
        self._read_ending(endings[0])
        others = [other for other in endings[1:] if self._could_count(other)]
        if others:
            self._say(
                "several-directories",
                f"{len(others) + 1} end records could each be taken for the real one",
                offset=others[0].offset,
            )
        for other in others:
            self._read_ending(other)
        self._check_names()
        self._check_layout(endings)
        return self._directory(endings[0].comment)

    def _directory(self, comment: bytes) -> Directory:
        self.members.sort(key=lambda member: member.header_offset)
        return Directory(
            members=tuple(self.members), problems=tuple(self.problems), comment=comment
        )

    def _say(
        self,
        kind: str,
        message: str,
        *,
        member: str | None = None,
        offset: int | None = None,
        fatal: bool = False,
    ) -> None:
        if len(self.problems) < 1_000:
            self.problems.append(
                Problem(kind=kind, message=message, member=member, offset=offset, fatal=fatal)
            )

    # End records

    def _endings(self) -> Iterator[_Ending]:
        """Every end record in the tail that leads to a directory, last one first."""
        start = max(0, len(self.data) - _TAIL)
        tail = bytes(self.data[start:])
        at = tail.rfind(END)
        tried = 0
        while at >= 0 and tried < 64:
            tried += 1
            if len(tail) - at >= _END.size:
                ending = self._ending(start + at)
                if ending is not None:
                    yield ending
            at = tail.rfind(END, 0, at)

    def _ending(self, at: int) -> _Ending | None:
        _, disk, first_disk, here, count, size, offset, length = _END.unpack_from(self.data, at)
        comment = bytes(self.data[at + _END.size : at + _END.size + length])
        end = at
        declared = (count, size, offset)
        locator = at - 20
        if locator >= 0 and self.data[locator : locator + 4] == _LOCATOR64:
            wide = self._ending64(locator, declared)
            if wide is not None:
                end, count, size, offset = wide
        if count == 0 and size == 0:
            return _Ending(at, end, 0, end, 0, comment) if end in (0, offset) else None
        if end < size or not self._directory_starts(end, size, offset):
            return None
        if disk or first_disk or here != declared[0]:
            self._say("several-disks", "the end record speaks of several disks", offset=at)
        if len(comment) != length:
            self._say("truncated-comment", "the archive comment is cut off", offset=at)
        return _Ending(at, end, size, offset, count, comment)

    def _ending64(
        self, locator: int, declared: tuple[int, int, int]
    ) -> tuple[int, int, int, int] | None:
        (offset,) = struct.unpack_from("<Q", self.data, locator + 8)
        adjacent = locator - _ENDING64.size
        for at in dict.fromkeys((offset, adjacent)):
            if not 0 <= at <= len(self.data) - _ENDING64.size:
                continue
            if self.data[at : at + 4] != _END64:
                continue
            fields = _ENDING64.unpack_from(self.data, at)
            count, size, start = fields[7], fields[8], fields[9]
            narrow = zip(declared, (count, size, start), (0xFFFF, _FAR, _FAR), strict=True)
            if any(old not in (top, new) for old, new, top in narrow):
                self._say("zip64-mismatch", "the two end records differ", offset=at)
            if at + 12 + fields[1] != locator:
                self._say("zip64-mismatch", "bytes lie between the end records", offset=at)
            return at, count, size, start
        self._say(
            "zip64-mismatch", "the zip64 end record is not where it should be", offset=locator
        )
        return None

    def _directory_starts(self, end: int, size: int, offset: int) -> list[tuple[int, int]]:
        """Where the directory may start, with the shift of all offsets that this implies."""
        starts = dict.fromkeys(((end - size, end - size - offset), (offset, 0)))
        return [
            (at, shift)
            for at, shift in starts
            if 0 <= at <= len(self.data) - 4 and self.data[at : at + 4] == CENTRAL
        ]

    def _could_count(self, ending: _Ending) -> bool:
        """Whether a reader could take this earlier end record for the archive's own.

        The end of an archive that is stored in this one as a member lies inside that
        member's data; only a comment that reaches the very end would make it count.
        """
        reach = ending.offset + _END.size + len(ending.comment)
        return reach == len(self.data) or not any(
            member.data_offset <= ending.offset
            and ending.offset + _END.size <= member.data_offset + member.compressed_size
            for member in self.members
        )

    # The central directory

    def _read_ending(self, ending: _Ending) -> None:
        if not ending.count and not ending.directory_size:
            return
        starts = self._directory_starts(
            ending.directory_end, ending.directory_size, ending.directory_offset
        )
        if len({at for at, _ in starts}) > 1:
            self._say("several-directories", "the directory can be found in two places")
        if ending.directory_end - ending.directory_size != ending.directory_offset:
            self._say("prepended-data", "offsets do not count from the start of the file")
        for at, shift in starts:
            self._read_central(at, shift, ending)

    def _read_central(self, at: int, shift: int, ending: _Ending) -> None:
        seen = 0
        data = self.data
        known = {(member.header_offset, member.name) for member in self.members}
        while at + _CENTRAL.size <= ending.directory_end and data[at : at + 4] == CENTRAL:
            if len(self.members) >= self.most:
                self._say("limit-reached", f"more than {self.most} members", fatal=True)
                return
            at, member = self._central_entry(at, shift)
            seen += 1
            if member is not None and (member.header_offset, member.name) not in known:
                self.members.append(member)
        if seen != ending.count:
            self._say(
                "count-mismatch", f"the directory lists {seen} members, {ending.count} are declared"
            )
        if at != ending.directory_end:
            self._say("unclaimed-bytes", "bytes lie between directory and end record", offset=at)

    def _central_entry(self, at: int, shift: int) -> tuple[int, Member | None]:
        fields = _CENTRAL.unpack_from(self.data, at)
        made_by, flags, method = fields[1], fields[3], fields[4]
        crc, packed, size = fields[7], fields[8], fields[9]
        name_length, extra_length, comment_length = fields[10], fields[11], fields[12]
        attributes, header = fields[15], fields[16]
        start = at + _CENTRAL.size
        after = start + name_length + extra_length + comment_length
        raw = bytes(self.data[start : start + name_length])
        extra = bytes(self.data[start + name_length : start + name_length + extra_length])
        name = self._name(raw, flags)
        if after > len(self.data):
            self._say("truncated-directory", "the directory is cut off", offset=at, fatal=True)
            return after, None
        wide = [value for value in (size, packed, header) if value == _FAR]
        if wide:
            numbers = iter(_zip64_numbers(extra))
            size = next(numbers, size) if size == _FAR else size
            packed = next(numbers, packed) if packed == _FAR else packed
            header = next(numbers, header) if header == _FAR else header
        self._check_extra(extra, raw, name, at)
        member = Member(
            name=name,
            header_offset=header + shift,
            data_offset=0,
            compressed_size=packed,
            size=size,
            method=method,
            crc=crc,
            flags=flags,
            mode=attributes >> 16 if made_by >> 8 in (3, 19) else 0,
        )
        return after, self._locate(member, raw, at)

    def _name(self, raw: bytes, flags: int) -> str:
        try:
            return raw.decode("utf-8" if flags & UTF8 or raw.isascii() else "cp437")
        except UnicodeDecodeError:
            return raw.decode("utf-8", "backslashreplace")

    def _check_extra(self, extra: bytes, raw: bytes, name: str, at: int) -> None:
        for tag, body in _extra_fields(extra):
            if tag == 0x7075 and body[5:] != raw:
                self._say(
                    "name-mismatch",
                    "a Unicode path field gives another name",
                    member=name,
                    offset=at,
                )
            if tag == 0x9901:
                self._say("encrypted-member", "encrypted (AES)", member=name, offset=at, fatal=True)

    # The local header

    def _locate(self, member: Member, raw: bytes, at: int) -> Member | None:
        """Check the local header against the directory; None when there is none."""
        header = member.header_offset
        name = member.name
        if (
            not 0 <= header <= len(self.data) - _LOCAL.size
            or self.data[header : header + 4] != LOCAL
        ):
            self._say(
                "no-local-header", "no local header where the directory says",
                member=name, offset=at, fatal=True,
            )  # fmt: skip
            return None
        fields = _LOCAL.unpack_from(self.data, header)
        flags, method, crc, packed, size, name_length, extra_length = (
            fields[2], fields[3], *fields[6:11],
        )  # fmt: skip
        start = header + _LOCAL.size
        local_name = bytes(self.data[start : start + name_length])
        extra = bytes(self.data[start + name_length : start + name_length + extra_length])
        begin = start + name_length + extra_length
        if local_name != raw:
            other = self._name(local_name, flags)
            self._say(
                "name-mismatch", f"the local header says {other!r}", member=name, offset=header
            )
        self._check_extra(extra, local_name, name, header)
        if flags != member.flags:
            self._say(
                "flags-mismatch", f"flags {flags:#06x} against {member.flags:#06x}",
                member=name, offset=header,
            )  # fmt: skip
        if method != member.method:
            self._say(
                "method-mismatch", f"method {method} against {member.method}",
                member=name, offset=header,
            )  # fmt: skip
        if (flags | member.flags) & ENCRYPTED:
            self._say("encrypted-member", "encrypted", member=name, offset=header, fatal=True)
        if packed == _FAR or size == _FAR:
            numbers = iter(_zip64_numbers(extra))
            size = next(numbers, size) if size == _FAR else size
            packed = next(numbers, packed) if packed == _FAR else packed
        later = flags & HAS_DESCRIPTOR
        for label, local, central in (
            ("CRC", crc, member.crc),
            ("compressed size", packed, member.compressed_size),
            ("size", size, member.size),
        ):
            if local != central and not (later and local == 0):
                self._say(
                    "size-mismatch" if label != "CRC" else "crc-mismatch",
                    f"{label} {local} in the local header against {central}",
                    member=name, offset=header,
                )  # fmt: skip
        if begin + member.compressed_size > len(self.data):
            self._say("truncated-member", "data runs past the end", member=name, fatal=True)
        elif member.method == STORED and member.size != member.compressed_size:
            self._say("size-mismatch", "a stored member of two sizes", member=name, offset=header)
        return _at(member, begin)

    # Layout and names

    def _check_names(self) -> None:
        seen: dict[str, str] = {}
        for member in self.members:
            problem = name_problem(member.name)
            if problem:
                self._say("odd-name", problem, member=member.name, offset=member.header_offset)
            folded = member.name.replace("\\", "/").casefold()
            if folded in seen:
                self._say(
                    "duplicate-member", "the name occurs twice; readers differ on which counts",
                    member=member.name, offset=member.header_offset,
                )  # fmt: skip
            seen[folded] = member.name

    def _check_layout(self, endings: list[_Ending]) -> None:
        """Members may not overlap; what lies between them is looked at too."""
        spans = sorted({(m.header_offset, m.data_offset + m.compressed_size) for m in self.members})
        members = {m.header_offset: m for m in self.members}
        ending = endings[0]
        last = min(ending.directory_end - ending.directory_size, len(self.data))
        gaps: list[tuple[int, int]] = []
        if spans and spans[0][0] > 0:
            self._say(
                "prepended-data", f"{spans[0][0]} bytes lie before the first member", offset=0
            )
            gaps.append((0, spans[0][0]))
        elif not spans and last > 0:
            self._say("prepended-data", f"{last} bytes lie before an empty directory", offset=0)
            gaps.append((0, last))
        for (header, end), following in zip(
            spans, [s[0] for s in spans[1:]] + [last], strict=False
        ):
            if end > following:
                self._say(
                    "overlapping-members", "overlaps what follows",
                    member=members[header].name, offset=header,
                )  # fmt: skip
                continue
            after = self._after_descriptor(members[header], end, following)
            if after < following:
                self._say(
                    "unclaimed-bytes",
                    f"{following - after} bytes belong to no member",
                    offset=after,
                )
                gaps.append((after, following))
        self._walk(gaps)
        trailing = len(self.data) - (ending.offset + _END.size + len(ending.comment))
        if trailing > 0:
            self._say(
                "trailing-data", f"{trailing} bytes follow the archive",
                offset=len(self.data) - trailing,
            )  # fmt: skip

    def _after_descriptor(self, member: Member, end: int, following: int) -> int:
        """Where the data descriptor after `end` stops, if one lies there."""
        if not member.flags & HAS_DESCRIPTOR:
            return end
        bare = bytes(self.data[end : min(following, end + 24)])
        body = bare.removeprefix(_DESCRIPTOR)
        signature = len(bare) - len(body)
        for form in ("<I2I", "<I2Q"):
            length = struct.calcsize(form)
            if len(body) >= length:
                crc, packed, size = struct.unpack_from(form, body)
                if (packed, size) == (member.compressed_size, member.size):
                    if crc != member.crc:
                        self._say(
                            "crc-mismatch", "the data descriptor has another CRC",
                            member=member.name, offset=end,
                        )  # fmt: skip
                    return end + signature + length
        return end

    def _walk(self, gaps: Iterable[tuple[int, int]]) -> None:
        """List members that lie in gaps, as a reader of local headers would find them."""
        for start, stop in gaps:
            at = _find(self.data, LOCAL, start, stop)
            while at >= 0 and at + _LOCAL.size <= stop and len(self.members) < self.most:
                fields = _LOCAL.unpack_from(self.data, at)
                begin = at + _LOCAL.size + fields[9] + fields[10]
                if begin > stop or not fields[9]:
                    at = _find(self.data, LOCAL, at + 4, stop)
                    continue
                raw = bytes(self.data[at + _LOCAL.size : at + _LOCAL.size + fields[9]])
                following = _find(self.data, LOCAL, begin, stop)
                reach = (following if following >= 0 else stop) - begin
                packed = fields[7] if 0 < fields[7] <= stop - begin else reach
                name = self._name(raw, fields[2])
                self._say(
                    "unlisted-member", "only a walk of the local headers finds it",
                    member=name, offset=at,
                )  # fmt: skip
                self.members.append(
                    Member(
                        name=name,
                        header_offset=at,
                        data_offset=begin,
                        compressed_size=packed,
                        size=fields[8] or packed,
                        method=fields[3],
                        crc=fields[6],
                        flags=fields[2],
                        listed=False,
                    )
                )
                at = _find(self.data, LOCAL, begin + packed, stop)


def name_problem(name: str) -> str | None:
    """What is wrong with a member's name, if it could land or hide somewhere else."""
    if not name:
        return "the name is empty"
    if "\0" in name:
        return "the name contains a NUL, where some readers stop"
    if any(ord(char) < 32 or ord(char) == 127 for char in name):
        return "the name contains control characters"
    plain = name.replace("\\", "/")
    if plain.startswith("/") or plain[1:2] == ":":
        return "the name is an absolute path"
    if ".." in plain.split("/"):
        return "the name climbs out of the archive"
    if "\\" in name:
        return "the name contains a backslash, which some readers take for a folder"
    return None


def _at(member: Member, data_offset: int) -> Member:
    return Member(
        name=member.name,
        header_offset=member.header_offset,
        data_offset=data_offset,
        compressed_size=member.compressed_size,
        size=member.size,
        method=member.method,
        crc=member.crc,
        flags=member.flags,
        mode=member.mode,
    )


def _extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, at)
        yield tag, extra[at + 4 : at + 4 + length]
        at += 4 + length


def _zip64_numbers(extra: bytes) -> tuple[int, ...]:
    for tag, body in _extra_fields(extra):
        if tag == 1:
            return struct.unpack_from(f"<{len(body) // 8}Q", body)
    return ()


def _find(data: memoryview, what: bytes, start: int, stop: int) -> int:
    """`bytes.find` over a window, a piece at a time, so that nothing large is copied."""
    piece = 1 << 20
    at = start
    while at < stop:
        found = bytes(data[at : min(stop, at + piece + len(what) - 1)]).find(what)
        if found >= 0:
            return at + found
        at += piece
    return -1
