"""How the folders of a 7z archive are unpacked: coders in a row, each with bounded memory.

Source: `7zFormat.txt` and `Methods.txt` of 7-Zip.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from scanner.reader import UnpackError

MAGIC = b"7z\xbc\xaf\x27\x1c"
_DICTIONARY = 256 << 20
_STEP = 1 << 18

_COPY, _DEFLATE, _BZIP2, _ZSTD = b"\0", b"\x04\x01\x08", b"\x04\x02\x02", b"\x04\xf7\x11\x01"
_LZMA, _LZMA2, _DELTA = b"\x03\x01\x01", b"\x21", b"\x03"
_BRANCHES = {
    b"\x03\x03\x01\x03": lzma.FILTER_X86, b"\x04": lzma.FILTER_X86,
    b"\x03\x03\x02\x05": lzma.FILTER_POWERPC, b"\x05": lzma.FILTER_POWERPC,
    b"\x03\x03\x04\x01": lzma.FILTER_IA64, b"\x06": lzma.FILTER_IA64,
    b"\x03\x03\x05\x01": lzma.FILTER_ARM, b"\x07": lzma.FILTER_ARM,
    b"\x03\x03\x07\x01": lzma.FILTER_ARMTHUMB, b"\x08": lzma.FILTER_ARMTHUMB,
    b"\x03\x03\x08\x05": lzma.FILTER_SPARC, b"\x09": lzma.FILTER_SPARC,
}  # fmt: skip
ENCRYPTED = b"\x06\xf1\x07\x01"


def header_span(data: memoryview) -> tuple[int, int]:
    """Where the header lies, as the 32 bytes at the start say.

    Raises:
        UnpackError: They are cut off or point past the end.
    """
    if len(data) < 32:
        raise UnpackError("incomplete", "the archive is cut off")
    offset, size = struct.unpack_from("<QQ", data, 12)
    if 32 + offset + size > len(data):
        raise UnpackError("incomplete", "the header lies past the end")
    return 32 + offset, 32 + offset + size


def packed_span(data: memoryview) -> tuple[int, int]:
    """Where packed streams lie: from the first 32 bytes to the header."""
    try:
        return 32, header_span(data)[0]
    except UnpackError:
        return 32, 32


def unpack(coders: Sequence[tuple[bytes, bytes]], packed: memoryview) -> Iterator[bytes]:
    """Yield what a packed stream gives; coders are (method, properties), first to run first.

    Raises:
        UnpackError: It is damaged, or a method is unknown or wants too much memory.
    """
    if len(coders) == 1 and coders[0][0] in (_COPY, _DEFLATE, _BZIP2, _ZSTD):
        return _single(coders[0][0], packed)
    return _fed(_lzma(coders), packed)


def _single(method: bytes, packed: memoryview) -> Iterator[bytes]:
    if method == _COPY:
        return (bytes(packed[at : at + _STEP]) for at in range(0, len(packed), _STEP))
    if method == _DEFLATE:
        return _inflated(packed)
    if method == _BZIP2:
        return _fed(bz2.BZ2Decompressor(), packed)
    from scanner.formats._zstd import unzstd

    return unzstd(packed)


def _inflated(packed: memoryview) -> Iterator[bytes]:
    step = zlib.decompressobj(-15)
    try:
        for start in range(0, len(packed), _STEP):
            rest: bytes | memoryview = packed[start : start + _STEP]
            while rest and not step.eof:
                yield step.decompress(rest, _STEP)
                rest = step.unconsumed_tail
    except zlib.error as error:
        raise UnpackError("damaged", f"packed data is damaged ({error})") from error


def _lzma(coders: Sequence[tuple[bytes, bytes]]) -> lzma.LZMADecompressor:
    filters: list[dict[str, int]] = []
    for method, properties in coders:
        if method == _LZMA and len(properties) == 5 and properties[0] < 225:
            filters.append(
                {
                    "id": lzma.FILTER_LZMA1,
                    "dict_size": _dictionary(int.from_bytes(properties[1:], "little")),
                    "lc": properties[0] % 9,
                    "lp": properties[0] // 9 % 5,
                    "pb": properties[0] // 45,
                }
            )
        elif method == _LZMA2 and len(properties) == 1 and properties[0] <= 40:
            size = (2 | properties[0] & 1) << (properties[0] // 2 + 11)
            filters.append({"id": lzma.FILTER_LZMA2, "dict_size": _dictionary(size)})
        elif method == _DELTA and len(properties) == 1:
            filters.append({"id": lzma.FILTER_DELTA, "dist": properties[0] + 1})
        elif method in _BRANCHES:
            filters.append({"id": _BRANCHES[method]})
        elif method == ENCRYPTED:
            raise UnpackError("encrypted", "its members are encrypted")
        else:
            raise UnpackError("unsupported-compression", f"no library here unpacks {method.hex()}")
    try:
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters[::-1])
    except (lzma.LZMAError, ValueError, MemoryError) as error:
        raise UnpackError("unsupported-compression", "its coders do not fit together") from error


def _dictionary(size: int) -> int:
    if size > _DICTIONARY:
        raise UnpackError("limit-reached", "the dictionary is too large")
    return max(size, 4096)


def _fed(step: Any, packed: memoryview) -> Iterator[bytes]:
    try:
        for start in range(0, len(packed), _STEP):
            piece = bytes(packed[start : start + _STEP])
            while not step.eof:
                yield step.decompress(piece, _STEP)
                piece = b""
                if step.needs_input:
                    break
    except (OSError, lzma.LZMAError, EOFError, ValueError, MemoryError) as error:
        raise UnpackError("damaged", f"packed data is damaged ({error})") from error
