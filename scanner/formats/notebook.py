"""Jupyter notebooks: the code of their cells, and what their outputs would run in a browser.

Source: nbformat 4, the notebook's JSON schema; IPython's magic commands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scanner.facts import CodeFact
from scanner.formats import Format, Read
from scanner.formats._json import DuplicateKeyError, TooDeepError, load_json
from scanner.formats.json import recognise as is_json
from scanner.reader import Blob

_SHOWN = ("text/html", "image/svg+xml", "application/javascript")


def recognise(blob: Blob) -> bool:
    """Whether a JSON document says which notebook format it has."""
    if not is_json(blob) or len(blob.data) > blob.limits.json_bytes:
        return False
    return b'"nbformat"' in bytes(blob.data) and b'"cells"' in bytes(blob.data)


def read(blob: Blob) -> Read:
    """Yield the cells as one program; damage is told by the JSON reader."""
    try:
        document = load_json(bytes(blob.data), blob.limits)
    except (ValueError, RecursionError, TooDeepError, DuplicateKeyError):
        return
    cells = document.get("cells") if isinstance(document, dict) else None
    program: list[str] = []
    for cell in cells if isinstance(cells, list) else ():
        if not isinstance(cell, dict):
            continue
        for shown in _outputs(cell):
            yield blob.inner(memoryview(shown.encode("utf-8", "replace")), "output.html")
        if cell.get("cell_type") == "code":
            program.extend(_text(cell.get("source")).splitlines())
    commands = [line for line in program if line.lstrip()[:1] in ("!", "%")]
    if commands:
        yield CodeFact(
            where=blob.where(), language="notebook", names=tuple(commands[:5]),
            detail="commands of the shell or of IPython",
        )  # fmt: skip
    plain = "\n".join("pass" if line in commands else line for line in program)
    if plain.strip():
        yield blob.inner(memoryview(plain.encode("utf-8", "replace")), "cells.py")


def _text(value: Any) -> str:
    """A multi-line string of the format: one string, or a list of lines."""
    parts = value if isinstance(value, list) else [value]
    return "".join(part for part in parts if isinstance(part, str))


def _outputs(cell: dict[str, Any]) -> Iterator[str]:
    """What a browser would be given: a rendered cell and the data of outputs."""
    if cell.get("cell_type") == "markdown":
        text = _text(cell.get("source")).lstrip()
        if text[:1] == "<":
            yield text
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else ():
        data = output.get("data") if isinstance(output, dict) else None
        if not isinstance(data, dict):
            continue
        for kind in _SHOWN:
            text = _text(data.get(kind))
            if text and kind == "application/javascript":
                text = f"<script>{text}</script>"
            if text.lstrip()[:1] == "<":
                yield text


FORMAT = Format(name="notebook", recognise=recognise, read=read, aspect=True)
