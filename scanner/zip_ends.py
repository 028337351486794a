"""The end records of a zip file: which of them readers could follow, and to which directory."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from scanner.frozen import dataclass
from scanner.zip_parts import FAR, Buffer, Reading

CENTRAL = b"PK\x01\x02"

_END, _END64, _LOCATOR64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_ENDING64 = struct.Struct("<4sQ2H2I4Q")
END_RECORD = struct.Struct("<4s4H2IH")
_TAIL = 22 + 0xFFFF


@dataclass(frozen=True, slots=True)
class Ending:
    """What one end record says, zip64 already applied."""

    offset: int
    directory_end: int
    directory_size: int
    directory_offset: int
    count: int
    comment: bytes


def looks_like_zip(data: Buffer) -> bool:
    """Whether an end record lies where readers look for one."""
    return _END in bytes(data[max(0, len(data) - _TAIL) :])


def end_records(data: Buffer) -> list[int]:
    """Where end records begin in the tail, each of which some reader could take."""
    start = max(0, len(data) - _TAIL)
    tail = bytes(data[start:])
    return [start + match.start() for match in re.finditer(re.escape(_END), tail)]


def endings(reading: Reading) -> Iterator[Ending]:
    """Every end record in the tail that leads to a directory, last one first."""
    start = max(0, len(reading.data) - _TAIL)
    tail = bytes(reading.data[start:])
    at = tail.rfind(_END)
    tried = 0
    while at >= 0 and tried < 64:
        tried += 1
        if len(tail) - at >= END_RECORD.size:
            ending = _ending(reading, start + at)
            if ending is not None:
                yield ending
        at = tail.rfind(_END, 0, at)


def _ending(reading: Reading, at: int) -> Ending | None:
    _, disk, first_disk, here, count, size, offset, length = END_RECORD.unpack_from(
        reading.data, at
    )
    comment = bytes(reading.data[at + END_RECORD.size : at + END_RECORD.size + length])
    end = at
    declared = (count, size, offset)
    locator = at - 20
    if locator >= 0 and reading.data[locator : locator + 4] == _LOCATOR64:
        wide = _ending64(reading, locator, declared)
        if wide is not None:
            end, count, size, offset = wide
    if count == 0 and size == 0:
        return Ending(at, end, 0, end, 0, comment) if end in (0, offset) else None
    if end < size or not directory_starts(reading, end, size, offset):
        return None
    if disk or first_disk or here != declared[0]:
        reading.say("several-disks", "the end record speaks of several disks", offset=at)
    if len(comment) != length:
        reading.say("truncated-comment", "the archive comment is cut off", offset=at)
    return Ending(at, end, size, offset, count, comment)


def _ending64(
    reading: Reading, locator: int, declared: tuple[int, int, int]
) -> tuple[int, int, int, int] | None:
    disk, offset, disks = struct.unpack_from("<IQI", reading.data, locator + 4)
    adjacent = locator - _ENDING64.size
    for at in dict.fromkeys((offset, adjacent)):
        if not 0 <= at <= len(reading.data) - _ENDING64.size:
            continue
        if reading.data[at : at + 4] != _END64:
            continue
        fields = _ENDING64.unpack_from(reading.data, at)
        count, size, start = fields[7], fields[8], fields[9]
        # Data before an archive shifts the record as it shifts the directory.
        if offset not in (at, size + start):
            reading.say("zip64-mismatch", "the locator leads elsewhere", offset=locator)
        if disk or disks > 1 or fields[4] or fields[5] or fields[6] != count:
            reading.say("several-disks", "the zip64 end speaks of several disks", offset=at)
        narrow = zip(declared, (count, size, start), (0xFFFF, FAR, FAR), strict=True)
        if any(old not in (top, new) for old, new, top in narrow):
            reading.say("zip64-mismatch", "the two end records differ", offset=at)
        if at + 12 + fields[1] != locator:
            reading.say("zip64-mismatch", "bytes lie between the end records", offset=at)
        return at, count, size, start
    reading.say("zip64-mismatch", "the zip64 end record is not where it should be", offset=locator)
    return None


def directory_starts(reading: Reading, end: int, size: int, offset: int) -> list[tuple[int, int]]:
    """Where the directory may start, with the shift of all offsets that this implies."""
    starts = dict.fromkeys(((end - size, end - size - offset), (offset, 0)))
    return [
        (at, shift)
        for at, shift in starts
        if 0 <= at <= len(reading.data) - 4 and reading.data[at : at + 4] == CENTRAL
    ]


def could_count(reading: Reading, ending: Ending) -> bool:
    """Whether a reader could take this earlier end record for the archive's own.

    The end of an archive that is stored in this one as a member lies inside that
    member's data; only a comment that reaches the very end would make it count.
    """
    reach = ending.offset + END_RECORD.size + len(ending.comment)
    return reach == len(reading.data) or not any(
        member.data_offset <= ending.offset
        and ending.offset + END_RECORD.size <= member.data_offset + member.compressed_size
        for member in reading.members
    )
