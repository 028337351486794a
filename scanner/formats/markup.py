"""HTML, SVG and XML: scripts that a browser would run, entities that a parser would fetch.

Source: the HTML standard; XML 1.0, section 4.2.2 (external entities); PHP's opening tag.
"""

from __future__ import annotations

import re

from scanner.facts import CodeFact
from scanner.formats import Format, Read
from scanner.formats._text import first_word, is_legacy_text, is_text
from scanner.patterns import pattern
from scanner.reader import Blob

_SCRIPTS = {
    "html-script": pattern(
        rb"<script[\s>/]|<[a-z][^<>]*[\s\"'/]on[a-z]{3,20}\s*=|javascript:", re.IGNORECASE
    ),
    "php": pattern(rb"<\?(?:php|=)", re.IGNORECASE),
    "xml-entity": pattern(rb"<!ENTITY\s"),
    "xsl": pattern(rb"<\?xml-stylesheet\s|<xsl:(?:include|import|script)\b|<msxsl:"),
}
"""What is looked for, by the language it is told as."""


def recognise(blob: Blob) -> bool:
    """Whether it is text that begins like a tag, a declaration or an instruction."""
    word = first_word(blob)
    if word[:1] != b"<" or not (word[1:2].isalpha() or word[1:2] in (b"!", b"?")):
        return False
    return is_text(blob) or is_legacy_text(blob.head(1 << 20))


def read(blob: Blob) -> Read:
    """Yield each kind of code once, with the beginning of what was found."""
    for language, code in _SCRIPTS.items():
        found = code.search(blob.data)
        if found is not None:
            said = found[0][:60].decode("utf-8", "replace")
            yield CodeFact(where=blob.where(found.start()), language=language, names=(said,))


FORMAT = Format(name="markup", recognise=recognise, read=read)
