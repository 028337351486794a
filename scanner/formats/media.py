"""Data that decoders show and nothing executes: images, sound, fonts, documents, tables.

Known by magic number. An archive appended to such a file is found by its end record; other
bytes behind a PNG or RIFF file, actions of PDF and types of Arrow that are pickles are told
here.

Source: PNG, third edition; ISO 32000-1, 12.6; Arrow's extension types in Python, and its
columnar format 1.5, "IPC Streaming Format" and `Message.fbs`.
"""

from __future__ import annotations

from scanner.facts import CodeFact
from scanner.formats import Format, Read
from scanner.patterns import pattern
from scanner.reader import Blob

_MAGIC = (
    b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*",
    b"OggS", b"fLaC", b"ID3", b"\xff\xfb", b"\xff\xf3", b"wOFF", b"wOF2", b"OTTO",
    b"%PDF-", b"\x1aE\xdf\xa3", b"PAR1", b"ARROW1", b"MThd\0\0\0\6", b"v/1\1",
    b"\0\0\0\x0cjP  \r\n\x87\n", b"\0\0\0\1Bud1", b"ply\nformat binary_", b"\0asm",
)  # fmt: skip
_STREAM = b"\xff\xff\xff\xff"
"""What each message of an Arrow stream begins with."""
_SCHEMA = 1
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
    if head[:5] == b"\0\1\0\0\0":
        # A font's first table has a name; .NET's serialised objects begin alike.
        return head[12:16].isascii() and head[12:16].decode("latin-1").isprintable()
    if head[:4] == _STREAM:
        return _is_arrow_stream(blob)
    film = head[4:8] == b"ftyp" and 8 <= int.from_bytes(head[:4], "big") <= len(blob.data)
    return film or head.startswith(_MAGIC[:4] + _MAGIC[5:-1])


def _is_bitmap(blob: Blob) -> bool:
    """Whether width, height and depth of a PGM or PPM file give exactly its length."""
    found = _BITMAP.match(blob.head(64))
    if found is None:
        return False
    width, height, most = int(found[2]), int(found[3]), int(found[4])
    each = (3 if found[1] == b"6" else 1) * (2 if most > 255 else 1)
    return len(found[0]) + width * height * each == len(blob.data)


def _is_arrow_stream(blob: Blob) -> bool:
    """Whether the first message, a flatbuffer behind its length, says that it is a schema."""
    size = int.from_bytes(blob.head(8)[4:], "little")
    message = bytes(blob.data[8 : 8 + min(size, 1 << 16)])
    if not 16 <= size <= len(blob.data) - 8 or size % 8:
        return False
    table = _number(message, 0, 4)
    fields = table - _number(message, table, 4)
    # Of the fields of a message the second, an enum of one byte, says what it is.
    if fields < 4 or _number(message, fields, 2) < 8:
        return False
    kind = _number(message, fields + 6, 2)
    return kind > 0 and _number(message, table + kind, 1) == _SCHEMA


def _number(data: bytes, at: int, width: int) -> int:
    """A little-endian number, 0 where the data has ended."""
    return int.from_bytes(data[at : at + width], "little") if 0 <= at <= len(data) - width else 0


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
    """Yield what acts in a document or a table, and what lies behind a picture."""
    head = blob.head(8)
    if head.startswith(b"%PDF-"):
        found = _ACTIONS.search(blob.data)
        if found is not None:
            name = found[0].decode("latin-1")
            yield CodeFact(where=blob.where(found.start()), language="pdf-action", names=(name,))
    elif head.startswith((b"PAR1", b"ARROW1", _STREAM)):
        found = _PICKLED_TYPE.search(blob.data)
        if found is not None:
            message = "a column's type is a pickle, which its readers may load"
            yield blob.problem("hidden-pickle", message, offset=found.start())
    end = _end(blob)
    if end and any(blob.data[end : end + (1 << 16)]):
        yield blob.problem("trailing-data", "bytes follow the picture", offset=end)
        yield blob.inner(blob.data[end:], f"{blob.name}:rest")


_ACTIONS = pattern(rb"/(?:JavaScript|JS|Launch|RichMedia|EmbeddedFile|ImportData|SubmitForm)\b")
_PICKLED_TYPE = pattern(rb"arrow\.py_extension_type")


def _end(blob: Blob) -> int:
    """Where a PNG or RIFF file ends by its own account, 0 when it gives none."""
    if blob.head(4) == b"RIFF":
        end = 8 + int.from_bytes(blob.data[4:8], "little")
        return end + end % 2 if end <= len(blob.data) else 0
    at = 8
    while blob.head(4) == b"\x89PNG" and at + 12 <= len(blob.data):
        length, kind = int.from_bytes(blob.data[at : at + 4], "big"), blob.data[at + 4 : at + 8]
        at += 12 + length
        if bytes(kind) == b"IEND":
            return at
        if not bytes(kind).isalpha():
            break
    return 0


FORMAT = Format(name="media", recognise=recognise, read=read, inert=True)
