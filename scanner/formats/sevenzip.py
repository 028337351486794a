"""7z archives: py7zr reads the directory, members are unpacked here, with bounded memory.

Nothing is written to disk under a member's name. What is encrypted, or packed by a method
that has no library here, fails.

Source: `7zFormat.txt` of 7-Zip.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from scanner.facts import MemberFact
from scanner.findings import Where
from scanner.formats import Format, Read
from scanner.formats._sevenzip import ENCRYPTED, MAGIC, header_span, unpack
from scanner.formats._view import View
from scanner.names import name_problem
from scanner.reader import Blob, UnpackError, collect

_HEADER = 32 << 20


def recognise(blob: Blob) -> bool:
    """Whether it begins with the signature."""
    return blob.head(6) == MAGIC


def read(blob: Blob) -> Read:
    """Yield the members and what they hold."""
    try:
        start, end = header_span(blob.data)
        if end - start > _HEADER:
            raise UnpackError("limit-reached", "the header is longer than any archive needs")
    except UnpackError as error:
        yield blob.problem(error.kind, error.message, fatal=True)
        return
    if end < len(blob.data):
        yield blob.problem("trailing-data", "bytes follow the archive", offset=end)
    import io

    import py7zr

    try:
        with py7zr.SevenZipFile(io.BufferedReader(View(blob.data))) as archive:
            if len(archive.files or ()) > blob.limits.members:
                yield blob.problem("limit-reached", "too many members", fatal=True)
                return
            yield from _members(blob, archive, start)
    except py7zr.exceptions.PasswordRequired:
        yield blob.problem("encrypted", "the archive is encrypted", fatal=True)
    except UnpackError as error:
        yield blob.problem(error.kind, error.message, fatal=True)
    except MemoryError:
        yield blob.problem("limit-reached", "the header asks for too much memory", fatal=True)
    except Exception as error:
        # py7zr raises whatever its parser meets in a damaged header; all mean the same here.
        message = f"no valid 7z: {type(error).__name__}: {str(error)[:100]}"
        yield blob.problem("malformed", message, fatal=True)


def _members(blob: Blob, archive: Any, header: int) -> Read:
    streams = getattr(archive.header, "main_streams", None)
    folders = [] if streams is None else streams.unpackinfo.folders
    held: dict[int, list[Any]] = {}
    names: set[str] = set()
    for info in archive.files or ():
        name = str(info.filename)
        kind = _kind(info)
        yield MemberFact(
            where=_where(blob, name), name=name, kind=kind, size=int(info.uncompressed or 0),
            compressed_size=0,
        )  # fmt: skip
        problem = name_problem(name)
        if problem:
            yield blob.problem("odd-name", f"{name[:100]!r}: {problem}")
        if name in names and kind != "directory":
            yield blob.problem("duplicate-member", f"{name[:100]!r} occurs twice")
        names.add(name)
        if not info.emptystream:
            held.setdefault(id(info.folder), []).append(info)
    at = 0 if streams is None else 32 + int(streams.packinfo.packpos)
    sizes = [] if streams is None else list(streams.packinfo.packsizes)
    if streams is not None and (at != 32 or at + sum(sizes) > header):
        yield blob.problem("malformed", "packed streams lie where none should be", fatal=True)
        return
    for folder in folders:
        count = len(folder.packed_indices)
        packed = blob.data[at : at + sum(sizes[:count])]
        at, sizes = at + len(packed), sizes[count:]
        yield from _folder(blob, folder, packed, held.get(id(folder), []))
    if streams is not None and at < _packed_end(archive, header):
        yield blob.problem("unclaimed-bytes", "bytes between the members belong to none", offset=at)


def _packed_end(archive: Any, header: int) -> int:
    """Where packed members must end: at the header, or at the packed header before it."""
    own = int(archive.header.size) - 32 - int(archive.sig_header.nextheadersize)
    return header - max(own, 0)


def _coders(folder: Any) -> list[tuple[bytes, bytes]]:
    """Methods and properties in the order in which they run.

    Raises:
        UnpackError: They are no plain row.
    """
    if any(bytes(coder["method"]) == ENCRYPTED for coder in folder.coders):
        raise UnpackError("encrypted", "its members are encrypted")
    if len(folder.packed_indices) != 1 or any(
        coder["numinstreams"] != 1 or coder["numoutstreams"] != 1 for coder in folder.coders
    ):
        raise UnpackError("unsupported-compression", "its coders are no plain row")
    following = {bond.outcoder: bond.incoder for bond in folder.bindpairs}
    row, current = [], folder.packed_indices[0]
    for _ in folder.coders:
        coder = folder.coders[current]
        row.append((bytes(coder["method"]), bytes(coder["properties"] or b"")))
        if current not in following:
            break
        current = following[current]
    if len(row) != len(folder.coders):
        raise UnpackError("malformed", "its coders are no plain row")
    return row


def _folder(blob: Blob, folder: Any, packed: memoryview, infos: list[Any]) -> Read:
    wrong: list[UnpackError] = []
    size = sum(int(info.uncompressed) for info in infos)
    try:
        pieces = _until(unpack(_coders(folder), packed, size), size, wrong)
        data = collect(pieces, blob.budget, len(packed) * 50)
    except UnpackError as error:
        yield blob.problem(error.kind, error.message, fatal=True)
        return
    for fault in wrong:
        yield blob.problem(fault.kind, fault.message, fatal=True)
    at = 0
    for info in infos:
        name, length = str(info.filename), int(info.uncompressed)
        content = data[at : at + length]
        at += length
        if len(content) < length:
            yield blob.problem("incomplete", f"{name[:100]!r} is cut off", fatal=True)
        elif info.crc32 is not None and zlib.crc32(content) != info.crc32:
            yield blob.problem("crc-mismatch", f"{name[:100]!r} does not have its declared CRC")
        if _kind(info) == "symlink":
            target = bytes(content[:4096]).decode("utf-8", "replace")
            yield MemberFact(
                where=_where(blob, name), name=name, kind="symlink", size=length,
                compressed_size=0, target=target,
            )  # fmt: skip
            continue
        yield blob.inner(content, name)


def _until(pieces: Iterator[bytes], size: int, wrong: list[UnpackError]) -> Iterator[bytes]:
    """At most `size` bytes, and what went wrong on the way."""
    try:
        for piece in pieces:
            yield piece[:size]
            size -= len(piece)
            if size <= 0:
                return
    except UnpackError as error:
        wrong.append(error)


def _where(blob: Blob, name: str) -> Where:
    return Where(member=name if blob.member is None else f"{blob.member}!{name}")


def _kind(info: Any) -> str:
    if info.is_directory:
        return "directory"
    if info.is_symlink or info.is_junction:
        return "symlink"
    return "other" if info.is_socket else "file"


FORMAT = Format(name="7z", recognise=recognise, read=read)
