"""What a value in metadata holds beyond words: templates, scripts, pickles and archives.

No loader of the format runs such a value; what comes with the model can. Plain text is
ordinary, and so are commands that it merely mentions: a script is known by its first line or,
as Python or HTML, by what it would do when it is run.
"""

from __future__ import annotations

import base64
import binascii
import builtins
import contextlib
import re
from collections.abc import Iterator

from scanner.facts import CodeFact, Fact, TemplateFact
from scanner.formats import code
from scanner.formats.hidden_pickle import ARCHIVES, hidden
from scanner.patterns import pattern
from scanner.reader import Blob

_BASE64 = pattern(rb"[A-Za-z0-9+/_-]{20,}={0,2}")
_HEX = pattern(rb"(?:[0-9a-fA-F]{2}){16,}")
_SCRIPT = pattern(rb"<script[\s>]", re.IGNORECASE)


def held(blob: Blob, name: str, value: bytes) -> Iterator[Fact | Blob]:
    """Yield what the value `name` of the blob's metadata holds, by each way to read it."""
    inner = blob.inner(memoryview(value), name[:200], hint="raw")
    if b"{{" in value or b"{%" in value:
        yield TemplateFact(where=inner.where(), source=value.decode("utf-8", "replace"))
    if code.recognise(inner):
        yield from code.read(inner)
    elif _SCRIPT.search(value):
        yield CodeFact(where=inner.where(), language="html-script")
    elif b"(" in value:
        yield from _acting(inner)
    yield from hidden(inner, whole=True)
    for raw in _readings(value):
        packed = blob.inner(memoryview(raw), name[:200], hint="raw")
        if raw.startswith(ARCHIVES):
            yield packed
        elif raw == value:
            continue
        elif code.recognise(packed):
            yield from code.read(packed)
        else:
            yield from hidden(packed, whole=True)


def _acting(inner: Blob) -> Iterator[Fact | Blob]:
    """Yield Python that calls something known for an effect; a repr reads like Python too."""
    from scanner.formats import python
    from scanner.pickles import danger

    if not python.may_be_source(inner):
        return
    if not inner.budget.parse(len(inner.data)):
        yield inner.problem("limit-reached", "more source in the metadata than is parsed")
        return
    for fact in python.read(inner) if python.recognise(inner) else ():
        if not isinstance(fact, CodeFact):
            yield fact
        names = fact.names if isinstance(fact, CodeFact) else ()
        for name in names:
            module, _, last = name.rpartition(".")
            if not module and not hasattr(builtins, last):
                continue
            if danger.effect(module or "builtins", last) is not None:
                yield fact
                return


def _readings(value: bytes) -> Iterator[bytes]:
    """Yield the bytes that the value stands for: itself, Latin-1 kept as UTF-8, base64, hex."""
    try:
        yield value.decode().encode("latin-1")
    except UnicodeError:
        yield value
    plain = b"".join(value.split())
    if _BASE64.fullmatch(plain):
        raw = plain.translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
        with contextlib.suppress(binascii.Error):
            yield base64.b64decode(raw + b"=" * (-len(raw) % 4))
    if _HEX.fullmatch(plain):
        yield bytes.fromhex(plain.decode())
