"""Bytes under a budget: what a format reader gets to see, and how it unpacks more.

A `Blob` is a read-only window of bytes: a file mapped into memory, a stored member inside
it, or what a decompressor gave, kept in an unlinked temporary file once it is large. Bytes
unpacked from one file, all levels together, come out of one `Budget`.
"""

from __future__ import annotations

import mmap
import os
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from scanner.facts import ProblemFact
from scanner.findings import Where
from scanner.frozen import dataclass, field, replace
from scanner.limits import Limits

_PIECE = 1 << 18
_IN_MEMORY = 8 << 20


class UnpackError(Exception):
    """Packed data could not be unpacked; `kind` is the problem's stable name."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class Folder(Protocol):
    """The neighbours of a file, for the few formats whose meaning hangs on them."""

    def names(self) -> Iterable[str]:
        """Base names, this file's own among them."""

    def read(self, name: str, most: int) -> bytes | None:
        """A neighbour's bytes; None when it is no plain file of at most `most` bytes."""


class Budget:
    """How much may be unpacked, read and followed in one file of `size` bytes, on all levels."""

    def __init__(self, limits: Limits, size: int = 0) -> None:
        most = max(limits.expanded_free, size * limits.expanded_times)
        self.left = min(limits.expanded_bytes, most)
        self.ratio = limits.expansion_ratio
        self.source = limits.source_bytes
        self._limits = limits
        self._held = size + self.left
        self._entered = 0
        self._followed = 0

    def spend(self, count: int) -> None:
        """Take `count` bytes.

        Raises:
            UnpackError: `limit-reached`, when there are not that many left.
        """
        self.left -= count
        if self.left < 0:
            raise UnpackError("limit-reached", "more bytes unpacked than the limit allows")

    @property
    def held(self) -> int:
        """The bytes of the file, and those unpacked from it so far."""
        return self._held - self.left

    def enter(self, count: int) -> bool:
        """Take a blob of `count` bytes; False when the same were read more often than levels are.

        Members that overlap hold each other: a file of a few kilobytes may name its own bytes
        a million times.
        """
        self._entered += count
        levels = self._limits.archive_depth + 1
        return self._entered <= levels * self.held + self._limits.entered_free

    def follow(self, opcodes: int = 0) -> int:
        """Take opcodes followed in search of hidden pickles; returns how many are left."""
        self._followed += opcodes
        return self._limits.hidden_opcodes + self.held // 4 - self._followed

    def parse(self, count: int) -> bool:
        """Take `count` bytes of source out of metadata; False when there are not that many left."""
        self.source -= count
        return self.source >= 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Blob:
    """Bytes to recognise and read.

    `name` is the base name, `path` the path inside the scanned folder (for messages and for
    the few formats whose meaning hangs on the name, never for recognition); `member` the
    chain of archive members that led here, None for the file itself.
    """

    data: memoryview
    name: str
    path: str
    limits: Limits
    budget: Budget
    member: str | None = None
    depth: int = 0
    hint: str = ""
    """What the enclosing reader knows of these bytes, for example `torch-pickle`."""
    profiles: tuple[str, ...] = ()
    """Allowlist profiles that pickles are judged by; empty for the default ones."""
    allow: tuple[str, ...] = ()
    """Dotted globals that the caller's policy admits beside them."""
    second: str = "auto"
    """When a second reading of a pickle is taken: `auto`, `always` or `never`."""
    siblings: Folder | None = field(default=None, compare=False)
    """What lies beside the file, in its folder or its archive; None when that is not known."""

    def head(self, count: int) -> bytes:
        """The first `count` bytes, or fewer."""
        return bytes(self.data[:count])

    def where(self, offset: int | None = None, opcode: str | None = None) -> Where:
        """A place in this blob."""
        return Where(member=self.member, offset=offset, opcode=opcode)

    def problem(
        self, kind: str, message: str, *, offset: int | None = None, fatal: bool = False
    ) -> ProblemFact:
        """A `ProblemFact` about this blob."""
        return ProblemFact(where=self.where(offset), kind=kind, message=message, fatal=fatal)

    def inner(
        self, data: memoryview, name: str, *, hint: str = "", siblings: Folder | None = None
    ) -> Blob:
        """A blob found inside this one, one level deeper."""
        return replace(
            self,
            data=data,
            name=name.rpartition("/")[2],
            member=name if self.member is None else f"{self.member}!{name}",
            depth=self.depth + 1,
            hint=hint,
            siblings=siblings,
        )

    def text(self) -> str | None:
        """The whole as UTF-8 text (a byte order mark dropped), None when it is not that."""
        try:
            return bytes(self.data).decode("utf-8-sig")
        except UnicodeDecodeError:
            return None


class Decompressor(Protocol):
    """What zlib, bz2 and lzma objects have in common for us."""

    @property
    def eof(self) -> bool:
        """Whether the packed data came to its end."""

    @property
    def unused_data(self) -> bytes:
        """What follows that end."""


def collect(pieces: Iterator[bytes], budget: Budget, packed: int) -> memoryview:
    """Gather unpacked pieces in memory, or in an unlinked temporary file once large.

    `packed` is how many bytes they came from.

    Raises:
        UnpackError: when the budget or the expansion ratio is exceeded.
    """
    held: list[bytes] = []
    total = 0
    spill = None
    ceiling = max(_PIECE * 4, packed * budget.ratio)
    try:
        for piece in pieces:
            budget.spend(len(piece))
            total += len(piece)
            if total > ceiling:
                raise UnpackError("limit-reached", "expands further than its format can")
            if spill is None:
                held.append(piece)
                if total > _IN_MEMORY:
                    import tempfile

                    spill = tempfile.TemporaryFile()  # noqa: SIM115  closed below
                    spill.writelines(held)
                    held.clear()
            else:
                spill.write(piece)
        if spill is None:
            return memoryview(b"".join(held))
        spill.flush()
        return memoryview(mmap.mmap(spill.fileno(), total, access=mmap.ACCESS_READ))
    except OSError as error:
        raise UnpackError("no-space", f"cannot keep unpacked bytes: {error.strerror}") from error
    finally:
        if spill is not None:
            spill.close()


def inflate(data: memoryview, window: int) -> Iterator[bytes]:
    """Unpack one zlib (15), gzip (31) or raw deflate (-15) stream.

    Raises:
        UnpackError: when it is damaged or cut off.
    """
    unpack = zlib.decompressobj(window)
    try:
        for start in range(0, len(data), _PIECE):
            rest: bytes | memoryview = data[start : start + _PIECE]
            while rest and not unpack.eof:
                yield unpack.decompress(rest, _PIECE * 4)
                rest = unpack.unconsumed_tail
            if unpack.eof:
                return
        yield unpack.flush()
    except zlib.error as error:
        raise UnpackError("damaged", f"compressed data is damaged ({error})") from error
    if not unpack.eof:
        raise UnpackError("incomplete", "compressed data is cut off")


def _stepwise(unpack: Any, data: memoryview) -> Iterator[bytes]:
    import lzma

    try:
        for start in range(0, len(data), _PIECE):
            rest = bytes(data[start : start + _PIECE])
            while not unpack.eof:
                yield unpack.decompress(rest, _PIECE * 4)
                rest = b""
                if unpack.needs_input:
                    break
            if unpack.eof:
                return
    except (OSError, lzma.LZMAError, EOFError, ValueError, MemoryError) as error:
        raise UnpackError("damaged", f"compressed data is damaged ({error})") from error
    if not unpack.eof:
        raise UnpackError("incomplete", "compressed data is cut off")


def bunzip2(data: memoryview) -> Iterator[bytes]:
    """Unpack one bzip2 stream.

    Raises:
        UnpackError: when it is damaged or cut off.
    """
    import bz2

    return _stepwise(bz2.BZ2Decompressor(), data)


def unlzma_member(data: memoryview) -> Iterator[bytes]:
    """Unpack LZMA as zip stores it: version, length of properties, properties, raw data.

    Raises:
        UnpackError: when it is damaged or cut off.
    """
    import lzma

    length = int.from_bytes(data[2:4], "little")
    properties = bytes(data[4 : 4 + length])
    if length != 5 or len(properties) != 5:
        raise UnpackError("damaged", "the LZMA header is damaged")
    code = properties[0]
    dictionary = int.from_bytes(properties[1:5], "little")
    if code >= 225 or dictionary > 256 << 20:
        raise UnpackError("limit-reached", "the LZMA dictionary is too large")
    chain = {
        "id": lzma.FILTER_LZMA1,
        "dict_size": max(dictionary, 4096),
        "lc": code % 9,
        "lp": code // 9 % 5,
        "pb": code // 45,
    }
    try:
        unpack = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[chain])
    except (lzma.LZMAError, ValueError) as error:
        raise UnpackError("damaged", "the LZMA header is damaged") from error
    pieces = _stepwise(unpack, data[4 + length :])
    try:
        yield from pieces
    except UnpackError as error:
        # Raw LZMA may end without a marker; the caller compares sizes and CRC.
        if error.kind != "incomplete":
            raise


class FileBytes:
    """A file opened for reading: mapped when large, read when small; closed by `close`.

    Raises:
        OSError: when it cannot be opened or read.
    """

    def __init__(self, fd: int, size: int) -> None:
        self._mapped: mmap.mmap | None = None
        if size > 1 << 20:
            self._mapped = mmap.mmap(fd, size, access=mmap.ACCESS_READ)
            self.view = memoryview(self._mapped)
        else:
            pieces = []
            left = size
            while left > 0 and (piece := os.read(fd, left)):
                pieces.append(piece)
                left -= len(piece)
            self.view = memoryview(b"".join(pieces))

    def close(self) -> None:
        """Let go of the file; windows still held keep it mapped until they go."""
        try:
            self.view.release()
            if self._mapped is not None:
                self._mapped.close()
        except BufferError:
            pass
