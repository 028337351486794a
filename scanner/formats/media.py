"""Data that decoders show and nothing executes: images, sound, fonts, documents, git bundles.

Known by magic number. What is appended to such a file is found by the other readers (an
archive by its end record), which come first.
"""

from __future__ import annotations

from scanner.formats import Format, Read
from scanner.patterns import pattern
from scanner.reader import Blob

_MAGIC = (
    b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*",
    b"OggS", b"fLaC", b"ID3", b"\xff\xfb", b"\xff\xf3", b"wOFF", b"wOF2", b"\0\1\0\0\0", b"OTTO",
    b"%PDF-", b"\x1aE\xdf\xa3", b"PAR1", b"ARROW1", b"MThd\0\0\0\6", b"v/1\1",
    b"\0\0\0\x0cjP  \r\n\x87\n", b"\0\0\0\1Bud1", b"ply\nformat binary_", b"\0asm",
)  # fmt: skip
_BITMAP = pattern(rb"P([56])\s([0-9]{1,6})\s([0-9]{1,6})\s([0-9]{1,5})\s")


def recognise(blob: Blob) -> bool:
    """Whether the head is one of a picture, a sound, a film, a font or a table of data."""
    head = blob.head(16)
    if head[:2] == b"BM":
        return int.from_bytes(head[2:6], "little") == len(blob.data)
    if head[:4] == b"RIFF":
        return head[8:12] in (b"WAVE", b"WEBP", b"AVI ")
    if head[:4] == b"\0\0\1\0":
        return _is_icon(blob)
    if head[:4] == b"glTF":
        return int.from_bytes(head[8:12], "little") == len(blob.data)
    if head[:1] == b"P" and _is_bitmap(blob):
        return True
    return head.startswith(_MAGIC[:4] + _MAGIC[5:-1]) or head[4:8] == b"ftyp"


def _is_bitmap(blob: Blob) -> bool:
    """Whether width, height and depth of a PGM or PPM file give exactly its length."""
    found = _BITMAP.match(blob.head(64))
    if found is None:
        return False
    width, height, most = int(found[2]), int(found[3]), int(found[4])
    each = (3 if found[1] == b"6" else 1) * (2 if most > 255 else 1)
    return len(found[0]) + width * height * each == len(blob.data)


def _is_icon(blob: Blob) -> bool:
    """Whether each picture of an icon file lies in it, behind the list of them."""
    count = int.from_bytes(blob.head(6)[4:], "little")
    first = 6 + 16 * count
    for at in range(6, first, 16):
        entry = bytes(blob.data[at : at + 16])
        size, offset = int.from_bytes(entry[8:12], "little"), int.from_bytes(entry[12:], "little")
        if len(entry) < 16 or offset < first or offset + size > len(blob.data):
            return False
    return 0 < count <= 100


def read(blob: Blob) -> Read:
    """Such data says nothing that a rule would judge."""
    yield from ()


FORMAT = Format(name="media", recognise=recognise, read=read, inert=True)
