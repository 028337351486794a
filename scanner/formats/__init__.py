"""Format readers: one file a format, its constant `FORMAT`; recognised by content alone.

A reader turns a blob into facts, and into further blobs when it is a container. All readers
that recognise a blob read it (a polyglot is read by each); those marked `inert` stand for
content that nothing executes, and are asked only when no other reader knows it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from scanner.facts import Fact
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


@cache
def formats() -> tuple[Format, ...]:
    """Return every format of this folder, ordered by name, the inert ones last."""
    found: list[Format] = []
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            found.append(importlib.import_module(f"{__name__}.{module.name}").FORMAT)
    return tuple(sorted(found, key=lambda known: (known.inert, known.name)))


def recognised(blob: Blob) -> list[Format]:
    """Return the formats that know this blob; inert ones only when no other does."""
    strong = [known for known in formats() if not known.inert and known.recognise(blob)]
    if all(known.aspect for known in strong):
        for known in formats():
            if known.inert and known.recognise(blob):
                return [known, *strong]
    return strong
