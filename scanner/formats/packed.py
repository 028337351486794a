"""One compressed stream around something else: gzip, bzip2, xz, lzma, zlib, zstd, lz4.

joblib unpacks these by their first bytes before it unpickles, so what lies inside is read
as the file itself. zstd and lz4 need optional libraries; without them the file fails.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from scanner.formats import Format, Read
from scanner.reader import Blob, UnpackError, bunzip2, collect, inflate, unlzma

_GZIP, _BZIP2, _XZ, _ZSTD, _LZ4 = (
    b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18",
)  # fmt: skip
_OLD_ZFILE = b"ZF0x"


def label(blob: Blob) -> str:
    """Which compression it is, `` for none."""
    head = blob.head(16)
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
    """Yield what lies inside, and what is wrong with the wrapping."""
    kind = label(blob)
    try:
        data = collect(_pieces(blob, kind), blob.budget, _packed(blob, kind))
    except UnpackError as error:
        yield blob.problem(error.kind, error.message, fatal=True)
        return
    except ImportError:
        yield blob.problem("unsupported-compression", f"no library here unpacks {kind}", fatal=True)
        return
    yield blob.inner(data, f"{blob.name}:unpacked")


def _packed(blob: Blob, kind: str) -> int:
    # bzip2 and lzma pack runs far better than deflate; the budget bounds them all the same.
    return len(blob.data) * (40 if kind in ("bzip2", "xz", "lzma", "zstd") else 1)


def _pieces(blob: Blob, kind: str) -> Iterator[bytes]:
    data = blob.data
    if kind == "gzip":
        return _members(data)
    if kind == "zlib":
        return inflate(data, 15)
    if kind == "joblib-zfile":
        return inflate(data[_zfile_head(data) :], 15)
    if kind == "bzip2":
        return bunzip2(data)
    if kind in ("xz", "lzma"):
        return unlzma(data)
    return _optional(data, kind)


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


def _members(data: memoryview) -> Iterator[bytes]:
    """gzip may hold several members; all of them are the content."""
    at = 0
    while at < len(data):
        unpack = zlib.decompressobj(31)
        step = 1 << 18
        try:
            while not unpack.eof and at < len(data):
                piece: bytes | memoryview = data[at : at + step]
                at += len(piece)
                while piece and not unpack.eof:
                    yield unpack.decompress(piece, step * 4)
                    piece = unpack.unconsumed_tail
            yield unpack.flush()
        except zlib.error as error:
            raise UnpackError("damaged", f"compressed data is damaged ({error})") from error
        if not unpack.eof:
            raise UnpackError("incomplete", "compressed data is cut off")
        at -= len(unpack.unused_data)
        if not bytes(data[at : at + (1 << 16)]).strip(b"\0"):
            return


def _optional(data: memoryview, kind: str) -> Iterator[bytes]:
    import importlib

    if kind == "zstd":
        library: Any = importlib.import_module("zstandard")
        unpack: Any = library.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
    else:
        library = importlib.import_module("lz4.frame")
        unpack = library.LZ4FrameDecompressor()
    for start in range(0, len(data), 1 << 16):
        try:
            yield unpack.decompress(bytes(data[start : start + (1 << 16)]))
        except Exception as error:
            raise UnpackError("damaged", f"compressed data is damaged ({error})") from error
        if getattr(unpack, "eof", False):
            return
    if not getattr(unpack, "eof", True):
        raise UnpackError("incomplete", "compressed data is cut off")


FORMAT = Format(name="packed", recognise=recognise, read=read, label=label)
