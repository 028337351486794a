"""Pickles that lie inside something else: metadata, tensors, attributes, or behind the end.

No loader reads them where they lie; what carries them hands them on. Only what would act in a
known way counts: bytes that happen to read like opcodes do not name `os.system` and call it.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from scanner.facts import CallFact, ImportFact, ProblemFact
from scanner.formats import Format, Read
from scanner.formats._text import is_text
from scanner.frozen import replace
from scanner.patterns import pattern
from scanner.pickles.opcodes import ARGUMENTS
from scanner.reader import Blob

LARGEST = 16 << 20
"""Binary files beyond this are weights, of which no loader takes the numbers for a pickle and
which no format reads here. What else they have, their readers look through: `_strings`."""
_BEGINNING = 200
"""What it costs to begin, in opcodes."""
_NAME = rb"([A-Za-z_][\w.]{0,60})"
_NAMED = _NAME + rb"(?:\x94|q.|r.{4})?"
_BINARY = pattern(rb"\x80[\x02-\x05][" + re.escape(bytes(ARGUMENTS)) + rb"]")
_LINE = pattern(rb"\n" + _NAME + rb"(?=\n)")
_CODE = pattern(rb"[ci]")
_STACKED = tuple(
    pattern(
        head + _NAMED + rb"(?:[\x8cU][\x01-\x3d]|X.\0{3})" + _NAMED + rb"\x93",
        re.DOTALL,
    )
    for head in (rb"\x8c[\x01-\x3d]", rb"U[\x01-\x3d]", rb"X.\0{3}")
)
"""A global by name, as protocols before 4 and from 4 on write it."""
_LATIN = pattern(rb"\xc2\x80[\x02-\x05]")
_ESCAPED = pattern(rb"\\(?:u00|x)80\\(?:u00|x)0[2-5][^\"']++")
"""A beginning as text: in UTF-8, and in the escapes of JSON and of Python."""
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
_MARKED = bytes(65 if code in _LETTERS else 0 for code in range(256))
_RUN = 24
"""Letters in a row that may be base64 or hexadecimal; shorter ones hold no pickle that acts."""
_RUNS = pattern(rb"(?:[\w+/-]{24,}+(?:\r?\n|\\n)[ \t]*+)*+[\w+/-]*+")
_HEX = pattern(rb"[0-9a-fA-F]{24,}+")
_BREAKS = pattern(rb"\\n|\s+")
_WINDOW = 4 << 20
ARCHIVES = (b"PK\x03\x04", b"7z\xbc\xaf", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
"""What readers take apart themselves, so that what lies inside is met there."""


def _places(data: memoryview, whole: bool) -> Iterator[tuple[int, bytes | memoryview]]:
    """Where a pickle may begin, and its bytes from there on."""
    for at, inner in _plain(data):
        # What begins with the first byte is for the reader of pickles.
        if at or whole:
            yield at, inner
    for match in _LATIN.finditer(data):
        yield match.start(), _narrowed(data[match.start() :])
    for match in _ESCAPED.finditer(data):
        text = match[0].decode("unicode_escape", "ignore")
        yield match.start(), text.encode("latin-1", "replace")
    for start, end in _runs(data):
        for raw in _unpacked(bytes(data[start:end])):
            yield from ((start, inner) for _, inner in _plain(memoryview(raw)))


def _plain(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    from scanner.pickles import danger

    for match in _BINARY.finditer(data):
        yield match.start(), data[match.start() :]
    # What comes later in the same pickle is met as a name of its own.
    for match in _LINE.finditer(data):
        end = match.start()
        line = bytes(data[max(0, end - 62) : end]).rpartition(b"\n")[2]
        for code in _CODE.finditer(line):
            owner = line[code.end() :].decode("latin-1")
            if (b"." in match[1] or danger.may_act(owner)) and danger.effect(
                owner, match[1].decode()
            ) is not None:
                start = end - len(owner) - 1
                yield start, data[start:]
    for named in _STACKED:
        for match in named.finditer(data):
            if danger.effect(match[1].decode(), match[2].decode()) is not None:
                yield match.start(), data[match.start() :]


def _runs(data: memoryview) -> Iterator[tuple[int, int]]:
    """Where long runs of letters lie, lines of them together."""
    needle, at, done = b"A" * _RUN, 0, 0
    while at < len(data):
        marked = bytes(data[at : at + _WINDOW]).translate(_MARKED)
        found = marked.find(needle, max(0, done - at))
        while found >= 0:
            match = _RUNS.match(data, at + found)
            assert match is not None
            yield match.span()
            done = match.end()
            found = marked.find(needle, done - at)
        # A run that begins before the window's end is seen from its first letter.
        at += _WINDOW - _RUN


def _narrowed(data: memoryview) -> bytes:
    """The bytes that text stands for, a character each, as far as it is text."""
    most = 1 << 12
    while True:
        piece = bytes(data[:most])
        try:
            text = piece.decode()
        except UnicodeDecodeError as error:
            if error.start < most - 3 or most >= len(data):
                return piece[: error.start].decode().encode("latin-1", "replace")
        else:
            if most >= len(data):
                return text.encode("latin-1", "replace")
        most *= 2


def _unpacked(run: bytes) -> Iterator[bytes]:
    """What letters may stand for: base64 from any of four on, line by line, and hexadecimal."""
    lines = _BREAKS.split(run.translate(bytes.maketrans(b"-_", b"+/")))
    plain = b"".join(lines)
    parts = [plain[start:] for start in range(4)] + (lines if len(lines) > 1 else [])
    for part in parts:
        yield binascii.a2b_base64(part[: len(part) // 4 * 4] + _padded(part))
    for match in _HEX.finditer(plain):
        for start in (0, 1):
            digits = match[0][start:]
            yield bytes.fromhex(digits[: len(digits) // 2 * 2].decode())


def _padded(part: bytes) -> bytes:
    """The last letters of base64, filled up; a single one stands for nothing."""
    rest = part[len(part) // 4 * 4 :]
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""


def recognise(blob: Blob) -> bool:
    """Whether such a pickle lies in something that is no archive."""
    if len(blob.data) < 16 or blob.head(6).startswith(ARCHIVES):
        return False
    if bytes(blob.data[257:262]) == b"ustar":
        return False
    if len(blob.data) > LARGEST and not is_text(blob):
        return False
    return any(True for _ in hidden(blob))


def read(blob: Blob) -> Read:
    """Yield where each lies and what it would call."""
    yield from hidden(blob)


def hidden(blob: Blob, *, whole: bool = False) -> Iterator[ProblemFact]:
    """The same, for readers that keep bytes to themselves: once for each thing called.

    `whole` says that no reader of pickles sees what begins with the first byte either.
    """
    from scanner.pickles import danger
    from scanner.pickles.machine import interpret

    told: set[str] = set()
    for at, data in _places(blob.data, whole):
        # What was unpacked or narrowed is a copy, and takes time by its length.
        copied = len(data) // 16 if isinstance(data, bytes) else 0
        left = blob.budget.follow(_BEGINNING + copied)
        if left <= 0:
            message = "more beginnings of pickles inside than the limit; not all were followed"
            yield blob.problem("limit-reached", message, offset=at)
            return
        seen = interpret(data, pickles=1, limits=replace(blob.limits, pickle_opcodes=left))
        blob.budget.follow(seen.opcodes)
        if not any(isinstance(fact, CallFact) for fact in seen.facts):
            continue
        for fact in seen.facts:
            if not isinstance(fact, ImportFact) or fact.objection is None or fact.dotted in told:
                continue
            if fact.module and fact.name and danger.effect(fact.module, fact.name) is not None:
                told.add(fact.dotted)
                yield ProblemFact(
                    where=blob.where(at),
                    kind="hidden-pickle",
                    message=f"a pickle that calls `{fact.dotted}` lies inside",
                    detail={"global": fact.dotted},
                )


FORMAT = Format(name="hidden-pickle", recognise=recognise, read=read, aspect=True)
