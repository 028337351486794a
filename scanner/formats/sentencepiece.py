"""SentencePiece models (`spiece.model`, `tokenizer.model`): pieces and numbers, inert.

Source: `sentencepiece_model.proto`.
"""

from __future__ import annotations

from scanner.formats import Format, Read
from scanner.formats._protobuf import BYTES, FIXED32, VARINT, WireError, fields, shape
from scanner.reader import Blob

_PIECE = {(1, BYTES), (2, FIXED32), (3, VARINT)}


def recognise(blob: Blob) -> bool:
    """Whether every field is a piece (text, score, kind) or a specification."""
    if blob.head(1) != b"\x0a" or len(blob.data) > 1 << 28:
        return False
    pieces = 0
    try:
        for number, wire, value in fields(blob.data):
            if wire != BYTES or not isinstance(value, memoryview):
                return False
            if number == 1:
                if pieces < 1000 and not _is_piece(value):
                    return False
                pieces += 1
            elif number not in (2, 3, 4, 5):
                return False
    except WireError:
        return False
    return pieces > 0


def _is_piece(value: memoryview) -> bool:
    found = shape(value)
    return bool(found) and found is not None and found[0] == (1, BYTES) and set(found) <= _PIECE


def read(blob: Blob) -> Read:
    """Pieces say nothing that a rule would judge."""
    yield from ()


FORMAT = Format(name="sentencepiece", recognise=recognise, read=read, inert=True)
