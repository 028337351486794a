"""Format readers: one file a format, its constant `FORMAT`; recognised by content alone.

A reader turns a blob into facts, and into further blobs when it is a container. All readers
that recognise a blob read it (a polyglot is read by each); those marked `inert` stand for
content that nothing executes, and are asked only when no other reader knows it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import TypeAlias

from scanner.facts import Fact
from scanner.formats._text import is_legacy_text, is_text
from scanner.frozen import dataclass
from scanner.modules import names
from scanner.reader import Blob

Read: TypeAlias = "Iterator[Fact | Blob]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """One format: how to know it and how to read it.

    `read` never raises for any bytes: what goes wrong is a `ProblemFact`. `label`, when
    given, tells a more precise name than `name` (`torch-zip` for a zip).
    """

    name: str
    recognise: Callable[[Blob], bool]
    read: Callable[[Blob], Read]
    label: Callable[[Blob], str] | None = None
    inert: bool = False
    aspect: bool = False
    """A further look at what another format reads too, so no polyglot."""


_FIRST = {
    "distcp": b"P",
    "gguf": b"G",
    "keras_metadata": b"\n",
    "msgpack": bytes((*range(0x81, 0x90), 0xDE, 0xDF)),
    "native": b"\0\x0c\xba123456789CIMOS",
    "numpy": b"\x93",
    "onnx": b"\x08",
    "sentencepiece": b"\n",
    "sevenzip": b"7",
    "tensorflow": b"\x08\n",
    "tf_checkpoint": b"\0",
    "tf_fingerprint": b"\x08",
    "torch_legacy": b"\x80",
    "ubjson": b"{",
}
"""The bytes that each of these formats may begin with; a file of it is imported only then."""

_TEXTUAL = frozenset(
    """jinja json keras_config markup notebook python skops tensorflow_text tool_files
    torch_export yaml""".split()  # noqa: SIM905
)
"""Formats that only text can be; imported only for text of more than a word."""

_BY_NAME = (".py", ".pyi", ".pyw", ".pth", ".jinja", ".jinja2", ".j2")
"""The names by which some of them know even a word."""


@cache
def _modules() -> tuple[str, ...]:
    return names(__path__)


@cache
def _format(module: str) -> Format:
    found = importlib.import_module(f"{__name__}.{module}").FORMAT
    assert isinstance(found, Format)
    return found


def _order(known: Format) -> tuple[bool, str]:
    return known.inert, known.name


@cache
def formats() -> tuple[Format, ...]:
    """Return every format of this folder, ordered by name, the inert ones last."""
    return tuple(sorted(map(_format, _modules()), key=_order))


@cache
def candidates(first: bytes, *, text: bool) -> tuple[Format, ...]:
    """The formats that a blob of this first byte may be, which saves importing the others."""
    return tuple(
        sorted(
            (
                _format(module)
                for module in _modules()
                if (text or module not in _TEXTUAL)
                and (module not in _FIRST or (first and first in _FIRST[module]))
            ),
            key=_order,
        )
    )


def _is_word(blob: Blob) -> bool:
    """Whether it is one word or number, as a version may be, by which nothing textual is known."""
    known_by_name = blob.name.lower().rstrip(". ").endswith(_BY_NAME)
    return not known_by_name and len(blob.data) <= 64 and bytes(blob.data).strip().isalnum()


def recognised(blob: Blob) -> list[Format]:
    """Return the formats that know this blob; inert ones only when no other does."""
    text = is_text(blob) or is_legacy_text(blob.head(1 << 20))
    possible = candidates(blob.head(1), text=text and not _is_word(blob))
    strong = [known for known in possible if not known.inert and known.recognise(blob)]
    if all(known.aspect for known in strong):
        for known in possible:
            if known.inert and known.recognise(blob):
                return [known, *strong]
    return strong
