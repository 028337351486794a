"""The directory of a zip file, read every way that a reader might, with each difference told.

Readers of zip files disagree: some trust the central directory, some walk the local
headers, some shift offsets when bytes are prepended, some ignore case. What two of them
could understand differently is a `Problem` here, and the members of every reading are
listed. Nothing is expanded, and member data is not touched.

Source: PKWARE APPNOTE.TXT 6.3.10; torch's writer (flag 0x0808, `FB` padding, CRC optional).
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from typing import BinaryIO

from scanner.frozen import replace
from scanner.names import name_problem
from scanner.zip_ends import CENTRAL, Ending, could_count, directory_starts, endings
from scanner.zip_layout import check_layout, walk
from scanner.zip_parts import (
    FAR,
    HAS_DESCRIPTOR,
    LOCAL,
    LOCAL_HEADER,
    STORED,
    Buffer,
    Directory,
    Member,
    Reading,
    decoded,
)

_CENTRAL = struct.Struct("<4s6H3I5H2I")
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000


def read_directory(source: Buffer | BinaryIO, *, members: int = 200_000) -> Directory:
    """Read the directory of a zip file, given its bytes or an open file.

    `members` bounds how many are listed. A file without any end record gives a directory
    with a fatal problem, never an exception.
    """
    if isinstance(source, (bytes, bytearray, memoryview, mmap.mmap)):
        return _directory(Reading(memoryview(source), members))
    try:
        mapped = mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError:
        return _directory(Reading(memoryview(b""), members))
    view = memoryview(mapped)
    try:
        return _directory(Reading(view, members))
    finally:
        view.release()
        mapped.close()


def _directory(reading: Reading) -> Directory:
    ends = list(endings(reading))
    if ends:
        _read_all(reading, ends)
    else:
        reading.say("no-end-record", "the zip end record is missing or cut off", fatal=True)
        walk(reading, ((0, len(reading.data)),))
    reading.members.sort(key=lambda member: member.header_offset)
    return Directory(
        members=tuple(reading.members),
        problems=tuple(reading.problems),
        comment=ends[0].comment if ends else b"",
    )


def _read_all(reading: Reading, ends: list[Ending]) -> None:
    """Read what every end record leads to that could be taken for the archive's own."""
    _read_ending(reading, ends[0])
    others = [other for other in ends[1:] if could_count(reading, other)]
    if others:
        reading.say(
            "several-directories",
            f"{len(others) + 1} end records could each be taken for the real one",
            offset=others[0].offset,
        )
    for other in others:
        _read_ending(reading, other)
    _check_names(reading)
    check_layout(reading, ends[0])


def _read_ending(reading: Reading, ending: Ending) -> None:
    if not ending.count and not ending.directory_size:
        return
    starts = directory_starts(
        reading, ending.directory_end, ending.directory_size, ending.directory_offset
    )
    if len({at for at, _ in starts}) > 1:
        reading.say("several-directories", "the directory can be found in two places")
    if ending.directory_end - ending.directory_size != ending.directory_offset:
        reading.say("prepended-data", "offsets do not count from the start of the file")
    for at, shift in starts:
        _read_central(reading, at, shift, ending)


def _read_central(reading: Reading, at: int, shift: int, ending: Ending) -> None:
    seen = 0
    data = reading.data
    known = {(member.header_offset, member.name) for member in reading.members}
    while at + _CENTRAL.size <= ending.directory_end and data[at : at + 4] == CENTRAL:
        if len(reading.members) >= reading.most:
            reading.say("limit-reached", f"more than {reading.most} members", fatal=True)
            return
        at, member = _central_entry(reading, at, shift)
        seen += 1
        if member is not None and (member.header_offset, member.name) not in known:
            reading.members.append(member)
    if seen != ending.count:
        reading.say(
            "count-mismatch", f"the directory lists {seen} members, {ending.count} are declared"
        )
    if at != ending.directory_end:
        reading.say("unclaimed-bytes", "bytes lie between directory and end record", offset=at)


def _central_entry(reading: Reading, at: int, shift: int) -> tuple[int, Member | None]:
    fields = _CENTRAL.unpack_from(reading.data, at)
    made_by, flags, method = fields[1], fields[3], fields[4]
    crc, packed, size = fields[7], fields[8], fields[9]
    name_length, extra_length, comment_length = fields[10], fields[11], fields[12]
    attributes, header = fields[15], fields[16]
    start = at + _CENTRAL.size
    after = start + name_length + extra_length + comment_length
    raw = bytes(reading.data[start : start + name_length])
    extra = bytes(reading.data[start + name_length : start + name_length + extra_length])
    name = decoded(raw, flags)
    if after > len(reading.data):
        reading.say("truncated-directory", "the directory is cut off", offset=at, fatal=True)
        return after, None
    wide = [value for value in (size, packed, header) if value == FAR]
    if wide:
        numbers = iter(_zip64_numbers(extra))
        size = next(numbers, size) if size == FAR else size
        packed = next(numbers, packed) if packed == FAR else packed
        header = next(numbers, header) if header == FAR else header
    _check_extra(reading, extra, raw, name, at)
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
    return after, _locate(reading, member, raw, at)


def _check_extra(reading: Reading, extra: bytes, raw: bytes, name: str, at: int) -> None:
    for tag, body in _extra_fields(extra):
        if tag == 0x7075 and body[5:] != raw:
            reading.say(
                "name-mismatch",
                "a Unicode path field gives another name",
                member=name,
                offset=at,
            )
        if tag == 0x9901:
            reading.say("encrypted-member", "encrypted (AES)", member=name, offset=at, fatal=True)


def _locate(reading: Reading, member: Member, raw: bytes, at: int) -> Member | None:
    """Check the local header against the directory; None when there is none."""
    header = member.header_offset
    name = member.name
    if (
        not 0 <= header <= len(reading.data) - LOCAL_HEADER.size
        or reading.data[header : header + 4] != LOCAL
    ):
        reading.say(
            "no-local-header", "no local header where the directory says",
            member=name, offset=at, fatal=True,
        )  # fmt: skip
        return None
    fields = LOCAL_HEADER.unpack_from(reading.data, header)
    flags, method, crc, packed, size, name_length, extra_length = (
        fields[2], fields[3], *fields[6:11],
    )  # fmt: skip
    start = header + LOCAL_HEADER.size
    local_name = bytes(reading.data[start : start + name_length])
    extra = bytes(reading.data[start + name_length : start + name_length + extra_length])
    begin = start + name_length + extra_length
    if local_name != raw:
        other = decoded(local_name, flags)
        reading.say("name-mismatch", f"the local header says {other!r}", member=name, offset=header)
    _check_extra(reading, extra, local_name, name, header)
    if flags != member.flags:
        reading.say(
            "flags-mismatch", f"flags {flags:#06x} against {member.flags:#06x}",
            member=name, offset=header,
        )  # fmt: skip
    if method != member.method:
        reading.say(
            "method-mismatch", f"method {method} against {member.method}",
            member=name, offset=header,
        )  # fmt: skip
    if (flags | member.flags) & _ENCRYPTED:
        reading.say("encrypted-member", "encrypted", member=name, offset=header, fatal=True)
    if packed == FAR or size == FAR:
        numbers = iter(_zip64_numbers(extra))
        size = next(numbers, size) if size == FAR else size
        packed = next(numbers, packed) if packed == FAR else packed
    later = flags & HAS_DESCRIPTOR
    for label, local, central in (
        ("CRC", crc, member.crc),
        ("compressed size", packed, member.compressed_size),
        ("size", size, member.size),
    ):
        if local != central and not (later and local == 0):
            reading.say(
                "size-mismatch" if label != "CRC" else "crc-mismatch",
                f"{label} {local} in the local header against {central}",
                member=name, offset=header,
            )  # fmt: skip
    if begin + member.compressed_size > len(reading.data):
        reading.say("truncated-member", "data runs past the end", member=name, fatal=True)
    elif member.method == STORED and member.size != member.compressed_size:
        reading.say("size-mismatch", "a stored member of two sizes", member=name, offset=header)
    return replace(member, data_offset=begin)


def _check_names(reading: Reading) -> None:
    """Tell names that could land elsewhere, and those that some reader takes for one."""
    seen: dict[str, str] = {}
    for member in reading.members:
        problem = name_problem(member.name)
        if problem:
            reading.say("odd-name", problem, member=member.name, offset=member.header_offset)
        folded = member.name.replace("\\", "/").casefold()
        if folded in seen:
            reading.say(
                "duplicate-member", "the name occurs twice; readers differ on which counts",
                member=member.name, offset=member.header_offset,
            )  # fmt: skip
        seen[folded] = member.name


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
