"""Where a zip's members lie: beside one another, and with nothing between them untold."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from scanner.zip_ends import END_RECORD, Ending
from scanner.zip_parts import HAS_DESCRIPTOR, LOCAL, LOCAL_HEADER, Member, Reading, decoded

_DESCRIPTOR = b"PK\x07\x08"


def check_layout(reading: Reading, ending: Ending) -> None:
    """Members may not overlap; what lies between them is looked at too."""
    spans = sorted({(m.header_offset, m.data_offset + m.compressed_size) for m in reading.members})
    members = {m.header_offset: m for m in reading.members}
    last = min(ending.directory_end - ending.directory_size, len(reading.data))
    gaps: list[tuple[int, int]] = []
    if spans and spans[0][0] > 0:
        reading.say("prepended-data", f"{spans[0][0]} bytes lie before the first member", offset=0)
        gaps.append((0, spans[0][0]))
    elif not spans and last > 0:
        reading.say("prepended-data", f"{last} bytes lie before an empty directory", offset=0)
        gaps.append((0, last))
    for (header, end), following in zip(spans, [s[0] for s in spans[1:]] + [last], strict=False):
        if end > following:
            reading.say(
                "overlapping-members", "overlaps what follows",
                member=members[header].name, offset=header,
            )  # fmt: skip
            continue
        after = _after_descriptor(reading, members[header], end, following)
        if after < following:
            reading.say(
                "unclaimed-bytes",
                f"{following - after} bytes belong to no member",
                offset=after,
            )
            gaps.append((after, following))
    walk(reading, gaps)
    trailing = len(reading.data) - (ending.offset + END_RECORD.size + len(ending.comment))
    if trailing > 0:
        reading.say(
            "trailing-data", f"{trailing} bytes follow the archive",
            offset=len(reading.data) - trailing,
        )  # fmt: skip


def _after_descriptor(reading: Reading, member: Member, end: int, following: int) -> int:
    """Where the data descriptor after `end` stops, if one lies there."""
    if not member.flags & HAS_DESCRIPTOR:
        return end
    bare = bytes(reading.data[end : min(following, end + 24)])
    body = bare.removeprefix(_DESCRIPTOR)
    signature = len(bare) - len(body)
    for form in ("<I2I", "<I2Q"):
        length = struct.calcsize(form)
        if len(body) >= length:
            crc, packed, size = struct.unpack_from(form, body)
            if (packed, size) == (member.compressed_size, member.size):
                if crc != member.crc:
                    reading.say(
                        "crc-mismatch", "the data descriptor has another CRC",
                        member=member.name, offset=end,
                    )  # fmt: skip
                return end + signature + length
    return end


def walk(reading: Reading, gaps: Iterable[tuple[int, int]]) -> None:
    """List members that lie in gaps, as a reader of local headers would find them."""
    for start, stop in gaps:
        at = _find(reading.data, LOCAL, start, stop)
        while at >= 0 and at + LOCAL_HEADER.size <= stop and len(reading.members) < reading.most:
            fields = LOCAL_HEADER.unpack_from(reading.data, at)
            begin = at + LOCAL_HEADER.size + fields[9] + fields[10]
            if begin > stop or not fields[9]:
                at = _find(reading.data, LOCAL, at + 4, stop)
                continue
            raw = bytes(reading.data[at + LOCAL_HEADER.size : at + LOCAL_HEADER.size + fields[9]])
            following = _find(reading.data, LOCAL, begin, stop)
            reach = (following if following >= 0 else stop) - begin
            packed = fields[7] if 0 < fields[7] <= stop - begin else reach
            name = decoded(raw, fields[2])
            reading.say(
                "unlisted-member", "only a walk of the local headers finds it",
                member=name, offset=at,
            )  # fmt: skip
            reading.members.append(
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
            at = _find(reading.data, LOCAL, begin + packed, stop)


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
