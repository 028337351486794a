"""Torch zips in a row, as `torch.distributed.checkpoint` writes its `.distcp` files.

Each tensor and each object is saved by itself, one behind the other; `.metadata`, a pickle,
tells where each lies. A reader of zips that is given the whole file takes the last, or by
offsets from the file's start the first; all are read here, each as a zip of its own.

Source: `torch/distributed/checkpoint/filesystem.py`; APPNOTE.TXT of PKWARE.
"""

from __future__ import annotations

import struct

from scanner.formats import Format, Read
from scanner.reader import Blob

_LOCAL, _CENTRAL, _END = b"PK\3\4", b"PK\1\2", b"PK\5\6"
_RECORD = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_RECORD64 = struct.Struct("<4sQ2H2L4Q")


def _zip_before(data: memoryview, end: int) -> tuple[int, int] | None:
    """Where the zip that ends at `end`, without a comment, and its directory begin."""
    at = end - _RECORD.size
    if at < 0:
        return None
    sign, _, _, _, _, size, offset, comment = _RECORD.unpack_from(data, at)
    if sign != _END or comment:
        return None
    stop = at
    at -= _LOCATOR.size + _RECORD64.size
    if at >= 0:
        found = _RECORD64.unpack_from(data, at)
        if found[0] == b"PK\6\6" and bytes(data[at + _RECORD64.size :][:4]) == b"PK\6\7":
            size, offset, stop = found[8], found[9], at
    begin = stop - size - offset
    if begin < 0 or bytes(data[begin : begin + 4]) != _LOCAL:
        return None
    if bytes(data[begin + offset :][:4]) != _CENTRAL:
        return None
    return begin, begin + offset


def parts(data: memoryview) -> list[tuple[int, int]]:
    """Where each zip begins and where its directory does, if zips and nothing else fill the data.

    None of them when there is only one, or when the last one, read with offsets from the
    file's start, has a directory that is none of theirs.
    """
    found: list[tuple[int, int]] = []
    end = len(data)
    while end > 0:
        span = _zip_before(data, end)
        if span is None:
            return []
        found.append(span)
        end = span[0]
    if len(found) < 2:
        return []
    begin, directory = found[0]
    absolute = directory - begin
    if bytes(data[absolute : absolute + 4]) == _CENTRAL and absolute not in {at for _, at in found}:
        return []
    return found[::-1]


def recognise(blob: Blob) -> bool:
    """Whether at least two zips, and nothing else, lie in a row, under the name for such files.

    Under any other name nothing reads them as a row, and which of them is meant is anyone's guess.
    """
    return blob.name.endswith(".distcp") and blob.head(4) == _LOCAL and bool(parts(blob.data))


def read(blob: Blob) -> Read:
    """Yield each zip."""
    begins = [begin for begin, _ in parts(blob.data)]
    if len(begins) > blob.limits.members:
        yield blob.problem("limit-reached", "more zips in a row than the limit", fatal=True)
        return
    for number, (begin, end) in enumerate(zip(begins, [*begins[1:], len(blob.data)], strict=True)):
        yield blob.inner(blob.data[begin:end], str(number))


FORMAT = Format(name="torch-distributed", recognise=recognise, read=read)
