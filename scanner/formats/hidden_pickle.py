"""Pickles that lie inside something else: metadata, tensors, attributes, or behind the end.

No loader reads them where they lie; what carries them hands them on. Only what would act in a
known way counts: bytes that happen to read like opcodes do not name `os.system` and call it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from scanner.facts import CallFact, ImportFact, ProblemFact
from scanner.formats import Format, Read
from scanner.frozen import replace
from scanner.patterns import pattern
from scanner.reader import Blob

_LARGEST = 16 << 20
_TEXTUAL = 1 << 20
_MOST = 500
_OPCODES = 2_000
_WORK = 100_000
"""Opcodes followed in one file, all beginnings together: some hundredths of a second."""
_BINARY = pattern(rb"\x80[\x02-\x05][\x95c\x8c\x8dX}\](\x93KN\x8f]")
_LINES = pattern(rb"[ci]([A-Za-z_][\w.]{0,60})\n([A-Za-z_][\w.]{0,60})\n")
_BASE64 = pattern(rb"gA[I-Za-z0-9+/_-][A-Za-z0-9+/_-]{20,}={0,2}")
_LATIN = pattern(rb"\xc2\x80[\x02-\x05]")
_ESCAPED = pattern(rb"\\u0080\\u000[2-5][^\"]{1,65536}")
"""The same bytes as text: in UTF-8, and in JSON's escapes."""
ARCHIVES = (b"PK\x03\x04", b"7z\xbc\xaf", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
"""What readers take apart themselves, so that what lies inside is met there."""


def _places(blob: Blob) -> Iterator[tuple[int, bytes | memoryview]]:
    from scanner.pickles import danger

    data = blob.data
    for match in _BINARY.finditer(data):
        yield match.start(), data[match.start() :]
    for match in _LATIN.finditer(data):
        text = bytes(data[match.start() : match.start() + _TEXTUAL]).decode("utf-8", "ignore")
        yield match.start(), text.encode("latin-1", "replace")
    for match in _ESCAPED.finditer(data):
        text = match[0].decode("unicode_escape", "ignore")
        yield match.start(), text.encode("latin-1", "replace")
    for start, end in _ends(len(data)):
        for match in _LINES.finditer(data, start, end):
            # What comes later in the same pickle is met as a line of its own.
            if danger.effect(match[1].decode(), match[2].decode()) is not None:
                yield match.start(), data[match.start() :]
        for match in _BASE64.finditer(data, start, end):
            raw = match[0].translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
            try:
                yield match.start(), base64.b64decode(raw + b"=" * (-len(raw) % 4))
            except binascii.Error:
                continue


def _ends(size: int) -> list[tuple[int, int]]:
    if size <= 2 * _TEXTUAL:
        return [(0, size)]
    return [(0, _TEXTUAL), (size - _TEXTUAL, size)]


def _found(blob: Blob, *, whole: bool = False) -> tuple[int, str] | None:
    """Where a pickle that would act begins, and what it would call."""
    from scanner.pickles import danger
    from scanner.pickles.machine import interpret

    limits = replace(blob.limits, pickle_opcodes=_OPCODES)
    left = _WORK
    for (at, data), _ in zip(_places(blob), range(_MOST), strict=False):
        if not at and not whole:
            # The reader of pickles has this one.
            continue
        seen = interpret(data[:_TEXTUAL], pickles=1, limits=limits)
        facts = seen.facts
        left -= seen.opcodes
        if left < 0:
            return None
        if not any(isinstance(fact, CallFact) for fact in facts):
            continue
        for fact in facts:
            if not isinstance(fact, ImportFact) or fact.objection is None:
                continue
            if fact.module and fact.name and danger.effect(fact.module, fact.name) is not None:
                return at, fact.dotted
    return None


def recognise(blob: Blob) -> bool:
    """Whether such a pickle lies in the first megabytes of something that is no archive."""
    if not 16 <= len(blob.data) <= _LARGEST or blob.head(6).startswith(ARCHIVES):
        return False
    if bytes(blob.data[257:262]) == b"ustar":
        return False
    return _found(blob) is not None


def read(blob: Blob) -> Read:
    """Yield where it lies and what it would call."""
    yield from hidden(blob)


def hidden(blob: Blob, *, whole: bool = False) -> Iterator[ProblemFact]:
    """The same, for readers that keep bytes to themselves.

    `whole` says that no reader of pickles sees what begins with the first byte either.
    """
    found = _found(blob, whole=whole)
    if found is not None:
        at, name = found
        message = f"a pickle that calls `{name}` lies inside"
        yield blob.problem("hidden-pickle", message, offset=at)


FORMAT = Format(name="hidden-pickle", recognise=recognise, read=read, aspect=True)
