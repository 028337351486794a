"""The fingerprint beside a TensorFlow SavedModel: five numbers, a version and an id.

Source: `tensorflow/core/protobuf/fingerprint.proto`.
"""

from __future__ import annotations

from scanner.formats import Format, Read
from scanner.formats._protobuf import BYTES, VARINT, WireError, fields
from scanner.reader import Blob

_LONGEST = 1_000


def recognise(blob: Blob) -> bool:
    """Whether every byte belongs to a field that a fingerprint has."""
    if len(blob.data) > _LONGEST:
        return False
    seen: list[int] = []
    try:
        for number, wire, value in fields(blob.data):
            if wire == BYTES and isinstance(value, memoryview):
                digits = number == 7 and bytes(value).isdigit()
                if not digits and not (number == 6 and len(value) <= 40):
                    return False
            elif wire != VARINT or number > 5:
                return False
            seen.append(number)
    except WireError:
        return False
    return seen == sorted(set(seen)) and set(seen) >= {1, 2, 3, 4}


def read(blob: Blob) -> Read:
    """Numbers say nothing that a rule would judge."""
    yield from ()


FORMAT = Format(name="tf-fingerprint", recognise=recognise, read=read, inert=True)
