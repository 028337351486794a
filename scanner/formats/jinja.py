"""Jinja templates in files of their own (`chat_template.jinja`): passed on as source."""

from __future__ import annotations

from scanner.facts import TemplateFact
from scanner.formats import Format, Read
from scanner.formats._text import first_word, is_text
from scanner.reader import Blob


def recognise(blob: Blob) -> bool:
    """Whether it is text with a statement or an expression of Jinja."""
    if len(blob.data) > blob.limits.text_bytes or not is_text(blob):
        return False
    if first_word(blob)[:1] in (b"{", b"[") and first_word(blob)[:2] not in (b"{%", b"{{", b"{#"):
        return False
    data = bytes(blob.data)
    return b"{%" in data or b"{{" in data


def read(blob: Blob) -> Read:
    """Yield the template."""
    yield TemplateFact(where=blob.where(), source=blob.text() or "")


FORMAT = Format(name="jinja", recognise=recognise, read=read, aspect=True)
