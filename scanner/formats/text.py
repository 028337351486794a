"""Text that nothing runs: prose, licences, vocabularies, merges, logs.

Text is only this when no other reader knows it: Python source, YAML, templates and scripts
have readers of their own. An empty file is text too.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.facts import Fact
from scanner.formats import Format, Read
from scanner.formats._text import is_legacy_text, is_text
from scanner.patterns import pattern
from scanner.reader import Blob


def recognise(blob: Blob) -> bool:
    """Whether the whole file is text, in UTF-8 or UTF-16, or in another code without NULs."""
    if not blob.data:
        return True
    if blob.head(2) in (b"\xff\xfe", b"\xfe\xff"):
        try:
            bytes(blob.data[: 1 << 20]).decode("utf-16")
        except UnicodeDecodeError:
            return False
        return True
    return is_text(blob, most=1 << 20) or is_legacy_text(blob.head(1 << 20))


_PARSED = (".json", ".yaml", ".yml", ".ipynb")


_SCALAR = pattern(rb'\s*(?:null|true|false|-?[0-9]{1,20}(?:\.[0-9]{1,20})?|"[^"\\\x00-\x1f]*")\s*')


def _is_scalar(blob: Blob) -> bool:
    """Whether it is a JSON document of one plain value, which no reader of objects takes."""
    return len(blob.data) < 4096 and _SCALAR.fullmatch(blob.data) is not None


def _problems(blob: Blob) -> Iterator[Fact]:
    """Yield that a name promises what the text is not."""
    name = blob.name.lower()
    what = "text" if blob.data else "nothing"
    if name.endswith(_PARSED) and blob.data and not is_text(blob, most=1 << 20):
        yield blob.problem("malformed", "a document in another code than UTF-8", fatal=True)
    elif name.endswith((".json", ".ipynb")) and not _is_scalar(blob):
        yield blob.problem("malformed", f"{what} where the name promises JSON", fatal=True)


def read(blob: Blob) -> Read:
    """Text says nothing that a rule would judge; parsers take UTF-16 as the text that it is."""
    if blob.head(2) not in (b"\xff\xfe", b"\xfe\xff"):
        yield from _problems(blob)
        return
    if len(blob.data) > blob.limits.json_bytes:
        yield blob.problem("limit-reached", "too long to decode", fatal=True)
    else:
        try:
            plain = bytes(blob.data).decode("utf-16").encode()
        except UnicodeError as error:
            yield blob.problem("malformed", f"no valid UTF-16: {error}")
            return
        yield blob.inner(memoryview(plain), blob.name)


FORMAT = Format(name="text", recognise=recognise, read=read, inert=True)
