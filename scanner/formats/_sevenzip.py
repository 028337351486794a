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
_SHORT = 1 << 8

_COPY, _DEFLATE, _BZIP2, _ZSTD = b"\0", b"\x04\x01\x08", b"\x04\x02\x02", b"\x04\xf7\x11\x01"
_DEFLATE64, _BROTLI, _PPMD = b"\x04\x01\x09", b"\x04\xf7\x11\x02", b"\x03\x04\x01"
_LZMA, _LZMA2, _DELTA = b"\x03\x01\x01", b"\x21", b"\x03"
_BRANCHES = {
    b"\x03\x03\x01\x03": lzma.FILTER_X86, b"\x04": lzma.FILTER_X86,
    b"\x03\x03\x02\x05": lzma.FILTER_POWERPC, b"\x05": lzma.FILTER_POWERPC,
    b"\x03\x03\x04\x01": lzma.FILTER_IA64, b"\x06": lzma.FILTER_IA64,
    b"\x03\x03\x05\x01": lzma.FILTER_ARM, b"\x07": lzma.FILTER_ARM,
    b"\x03\x03\x07\x01": lzma.FILTER_ARMTHUMB, b"\x08": lzma.FILTER_ARMTHUMB,
    b"\x03\x03\x08\x05": lzma.FILTER_SPARC, b"\x09": lzma.FILTER_SPARC,
}  # fmt: skip
_UNDONE_BY = {
    lzma.FILTER_X86: "BCJDecoder", lzma.FILTER_POWERPC: "PPCDecoder",
    lzma.FILTER_IA64: "IA64Decoder", lzma.FILTER_ARM: "ARMDecoder",
    lzma.FILTER_ARMTHUMB: "ARMTDecoder", lzma.FILTER_SPARC: "SparcDecoder",
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


def unpack(coders: Sequence[tuple[bytes, bytes]], packed: memoryview, size: int) -> Iterator[bytes]:
    """Yield what a packed stream gives; coders are (method, properties), first to run first.

    `size` is how many bytes it gives in the end.

    Raises:
        UnpackError: It is damaged, or a method is unknown or wants too much memory.
    """
    pieces: Iterator[bytes] = (
        bytes(packed[at : at + _STEP]) for at in range(0, len(packed), _STEP)
    )
    row = list(coders)
    while row:
        method, properties = row.pop(0)
        if method == _ZSTD:
            from scanner.formats._zstd import unzstd

            # It packs what it is given, which nothing does to packed bytes.
            if len(row) + 1 < len(coders):
                raise UnpackError("unsupported-compression", "its coders do not fit together")
            pieces = unzstd(packed)
        elif method in (_LZMA, _LZMA2):
            group = [(method, properties)]
            while row and (row[0][0] == _DELTA or (method == _LZMA2 and row[0][0] in _BRANCHES)):
                group.append(row.pop(0))
            pieces = _fed(_lzma(group), pieces)
        elif method != _COPY:
            pieces = _stage(method, pieces, size)
    return pieces


def _stage(method: bytes, pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    if method == _DEFLATE:
        return _inflated(pieces)
    if method == _BZIP2:
        return _fed(bz2.BZ2Decompressor(), pieces)
    if method in _BRANCHES:
        return _branched(_BRANCHES[method], pieces, size)
    others = {_DEFLATE64: _inflated64, _BROTLI: _unbrotlied}
    if method in others:
        return others[method](pieces)
    if method == _PPMD:
        # The library that py7zr takes for it crashes on damaged data.
        raise UnpackError("unsupported-compression", "packed with PPMd, which is not unpacked")
    if method == ENCRYPTED:
        raise UnpackError("encrypted", "its members are encrypted")
    raise UnpackError("unsupported-compression", f"no library here unpacks {method.hex()}")


def _inflated(pieces: Iterator[bytes]) -> Iterator[bytes]:
    step = zlib.decompressobj(-15)
    try:
        for piece in pieces:
            while piece and not step.eof:
                yield step.decompress(piece, _STEP)
                piece = step.unconsumed_tail
    except zlib.error as error:
        raise UnpackError("damaged", f"packed data is damaged ({error})") from error


def _inflated64(pieces: Iterator[bytes]) -> Iterator[bytes]:
    import inflate64

    step = inflate64.Inflater()
    try:
        for piece in pieces:
            # The library gives all that a piece amounts to at once, so pieces are short.
            for at in range(0, len(piece), _SHORT):
                yield step.inflate(piece[at : at + _SHORT])
    except (ValueError, OSError, MemoryError, EOFError) as error:
        raise UnpackError("damaged", f"packed data is damaged ({error})") from error


def _unbrotlied(pieces: Iterator[bytes]) -> Iterator[bytes]:
    import brotli

    step = brotli.Decompressor()
    try:
        for piece in pieces:
            while not step.is_finished():
                out = step.process(piece, output_buffer_limit=_STEP)
                if not out:
                    break
                yield out
                piece = b""
    except (brotli.error, MemoryError) as error:
        raise UnpackError("damaged", f"packed data is damaged ({error})") from error


def _branched(kind: int, pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Undo a filter of branches where liblzma, which would keep the last bytes back, cannot."""
    import bcj

    step = getattr(bcj, _UNDONE_BY[kind])(size)
    for piece in pieces:
        yield step.decode(piece)


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
        else:
            raise UnpackError("damaged", "the properties of a coder are damaged")
    try:
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters[::-1])
    except (lzma.LZMAError, ValueError, MemoryError) as error:
        raise UnpackError("unsupported-compression", "its coders do not fit together") from error


def _dictionary(size: int) -> int:
    if size > _DICTIONARY:
        raise UnpackError("limit-reached", "the dictionary is too large")
    return max(size, 4096)


def _fed(step: Any, pieces: Iterator[bytes]) -> Iterator[bytes]:
    try:
        for piece in pieces:
            while not step.eof:
                yield step.decompress(piece, _STEP)
                piece = b""
                if step.needs_input:
                    break
    except (OSError, lzma.LZMAError, EOFError, ValueError, MemoryError) as error:
        raise UnpackError("damaged", f"packed data is damaged ({error})") from error
