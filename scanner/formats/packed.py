"""One compressed stream around something else: gzip, bzip2, xz, lzma, zlib, zstd, lz4.

joblib unpacks these by their first bytes before it unpickles, so what lies inside is read
as the file itself. What is unpacked at once is bounded, whatever the packed bytes declare.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

from scanner.formats import Format, Read
from scanner.reader import Blob, UnpackError, collect

_GZIP, _BZIP2, _XZ, _ZSTD, _LZ4 = (
    b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18",
)  # fmt: skip
_SKIPPED = b"\x2a\x4d\x18"
"""The end of the magic number of frames that zstd and lz4 readers step over."""
_OLD_ZFILE = b"ZF0x"
_STEP = 1 << 18
_MEMORY = 256 << 20
_SALVAGED = 1 << 20


def label(blob: Blob) -> str:
    """Which compression it is, `` for none."""
    head = blob.head(16)
    if head[1:4] == _SKIPPED and head[0] & 0xF0 == 0x50:
        return "zstd"
    for magic, name in ((_GZIP, "gzip"), (_XZ, "xz"), (_ZSTD, "zstd"), (_LZ4, "lz4")):
        if head.startswith(magic):
            return name
    if head.startswith(_BZIP2) and head[3:4].isdigit() and head[4:10] in (
        b"1AY&SY", b"\x17rE8P\x90",
    ):  # fmt: skip
        return "bzip2"
    if head.startswith(_OLD_ZFILE):
        return "joblib-zfile"
    if len(head) > 2 and head[0] == 0x78 and int.from_bytes(head[:2], "big") % 31 == 0:
        return "zlib" if _begins_zlib(blob) else ""
    if head.startswith(b"\x5d\0\0") and len(head) >= 13 and head[5:13] == b"\xff" * 8:
        return "lzma"
    return ""


def _begins_zlib(blob: Blob) -> bool:
    """Whether the first bytes unpack; two bytes alone are too little to go by."""
    unpack = zlib.decompressobj(15)
    try:
        return bool(unpack.decompress(blob.head(4096), 64)) or unpack.eof
    except zlib.error:
        return False


def recognise(blob: Blob) -> bool:
    """Whether the head is one of a compressed stream."""
    return bool(label(blob))


def read(blob: Blob) -> Read:
    """Yield what lies inside, and what is wrong with the wrapping.

    Loaders unpack as they go: what came before the damage has been unpickled by the time
    it is noticed, so it is read here too.
    """
    kind = label(blob)
    wrong: list[UnpackError] = []
    try:
        pieces = _until_wrong(_pieces(blob, kind), wrong)
        data = collect(pieces, blob.budget, _packed(blob, kind))
    except UnpackError as error:
        yield blob.problem(error.kind, error.message, fatal=True)
        return
    for fault in wrong:
        if isinstance(fault, _StrayError):
            yield blob.problem(fault.kind, fault.message, offset=fault.at)
            yield blob.inner(blob.data[fault.at :], f"{blob.name}:rest")
        else:
            yield blob.problem(fault.kind, fault.message, fatal=True)
    yield blob.inner(data, f"{blob.name}:unpacked")


class _StrayError(UnpackError):
    """Bytes from `at` on belong to no compressed stream."""

    def __init__(self, at: int) -> None:
        super().__init__("trailing-data", "bytes follow the compressed data")
        self.at = at


def _until_wrong(pieces: Iterator[bytes], wrong: list[UnpackError]) -> Iterator[bytes]:
    try:
        yield from pieces
    except UnpackError as error:
        wrong.append(error)


def _packed(blob: Blob, kind: str) -> int:
    # bzip2 and lzma pack runs far better than deflate; the budget bounds them all the same.
    return len(blob.data) * (40 if kind in ("bzip2", "xz", "lzma", "zstd") else 1)


def _pieces(blob: Blob, kind: str) -> Iterator[bytes]:
    data = blob.data
    if kind == "joblib-zfile":
        head = _zfile_head(data)
        return _streams(data, head, lambda: zlib.decompressobj(15))
    return _zstd(data) if kind == "zstd" else _streams(data, 0, _MAKERS[kind])


_MAKERS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(31),
    "zlib": lambda: zlib.decompressobj(15),
    "bzip2": lambda: _bzip2(),
    "xz": lambda: _lzma(),
    "lzma": lambda: _lzma(),
    "lz4": lambda: _lz4(),
}


def _zfile_head(data: memoryview) -> int:
    """The header of joblib's first format: a prefix and a length in hexadecimal, padded."""
    head = bytes(data[:64])
    end = head.find(b"x\x9c")
    if end < 0:
        found = [at for at in (head.find(b"x\x01"), head.find(b"x\xda"), head.find(b"x^"))
                 if at > 0]  # fmt: skip
        end = min(found, default=-1)
    if end < 0:
        raise UnpackError("malformed", "no zlib stream after the header")
    return end


def _streams(data: memoryview, at: int, make: Callable[[], Any]) -> Iterator[bytes]:
    """Unpack all streams in a row, which together are the content, as Python's readers have it."""
    first = at
    while at < len(data):
        begun, given = at, 0
        unpack = make()
        try:
            while not unpack.eof and at < len(data):
                piece = bytes(data[at : at + _STEP])
                at += len(piece)
                for out in _fed(unpack, piece):
                    given += len(out)
                    yield out
        except _damage() as error:
            for out in _salvaged(make(), data[begun:at], given):
                given += len(out)
                yield out
            if begun > first and not given:
                raise _StrayError(begun) from error
            raise UnpackError("damaged", f"compressed data is damaged ({error})") from error
        if not unpack.eof:
            raise UnpackError("incomplete", "compressed data is cut off")
        at -= len(unpack.unused_data or b"")
        while at < len(data) and not any(data[at : at + 4096]):
            at += 4096


def _fed(unpack: Any, piece: bytes) -> Iterator[bytes]:
    """What a decompressor gives for one piece, a bounded amount at a time."""
    while True:
        out = unpack.decompress(piece, _STEP)
        if out:
            yield out
        piece = getattr(unpack, "unconsumed_tail", b"")
        if unpack.eof or getattr(unpack, "needs_input", not piece and len(out) < _STEP):
            return


def _salvaged(unpack: Any, data: memoryview, given: int) -> Iterator[bytes]:
    """What a damaged stream gives, byte by byte, beyond the first `given` bytes."""
    for at in range(min(len(data), _SALVAGED)):
        try:
            for out in _fed(unpack, bytes(data[at : at + 1])):
                if len(out) > given:
                    yield out[given:]
                given = max(0, given - len(out))
        except _damage():
            return


def _damage() -> tuple[type[Exception], ...]:
    """What the decompressors raise over damaged data."""
    import lzma

    return (
        *(zlib.error, lzma.LZMAError),
        *(OSError, EOFError, ValueError, MemoryError, RuntimeError),
    )


def _bzip2() -> Any:
    import bz2

    return bz2.BZ2Decompressor()


def _lzma() -> Any:
    import lzma

    return lzma.LZMADecompressor(memlimit=_MEMORY)


def _lz4() -> Any:
    import lz4.frame

    return lz4.frame.LZ4FrameDecompressor()


def _zstd(data: memoryview) -> Iterator[bytes]:
    from scanner.formats._zstd import frames_end, unzstd

    end, whole = frames_end(data)
    yield from unzstd(data[:end])
    if not whole:
        raise UnpackError("incomplete", "compressed data is cut off")
    if end < len(data):
        raise _StrayError(end)


FORMAT = Format(name="packed", recognise=recognise, read=read, label=label)
