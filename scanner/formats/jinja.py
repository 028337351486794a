"""Jinja templates in files of their own (`chat_template.jinja`): passed on as source."""

from __future__ import annotations

from scanner.facts import TemplateFact
from scanner.formats import Format, Read
from scanner.formats._text import first_word, is_legacy_text, is_text
from scanner.patterns import pattern
from scanner.reader import Blob

_OPENS = pattern(rb"{[%{]")


def recognise(blob: Blob) -> bool:
    """Whether it is text with a statement or an expression of Jinja."""
    named = blob.name.lower().endswith((".jinja", ".jinja2", ".j2"))
    if named and not is_text(blob) and not is_legacy_text(blob.head(1 << 20)):
        return False
    if not named and not is_text(blob):
        return False
    if (
        not named
        and first_word(blob)[:1] in (b"{", b"[")
        and first_word(blob)[:2] not in (b"{%", b"{{", b"{#")
    ):
        return False
    return _OPENS.search(blob.data) is not None


def read(blob: Blob) -> Read:
    """Yield the template."""
    if len(blob.data) > blob.limits.text_bytes:
        yield blob.problem("limit-reached", "longer than any template that is parsed")
        return
    yield TemplateFact(where=blob.where(), source=bytes(blob.data).decode("utf-8-sig", "replace"))


FORMAT = Format(name="jinja", recognise=recognise, read=read, aspect=True)
