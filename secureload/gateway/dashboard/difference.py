"""The difference between two revisions: files, code, templates, configuration, globals, tensors.

What is compared is what the ledger recorded and what the cache still holds. The bytes of a
refused revision are not kept: of its small files the hub is asked again, and what it gives
counts only if it has the recorded digest. What cannot be had is said. Everything is read under
a ceiling, as data from someone unknown.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from secureload.cache.layout import Layout
from secureload.gateway.dashboard import tensors
from secureload.gateway.dashboard.tensors import Tensor
from secureload.ledger import browse, verdicts
from secureload.ledger.records import Admitted, VerdictRecord

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

TEXT_BYTES = 1 << 20
"""Largest file of which the text is compared; configurations and code have some KiB."""

_LINES = 2_000
"""Most lines of a text that are compared line by line; the work grows with their square."""

SHOWN = 300
"""Most lines, keys or tensors shown of one comparison."""

_DEPTH = 12
"""How deep configurations are read; below, a value is compared as a whole."""

_CODE = frozenset({".py", ".pyi", ".ipynb", ".sh", ".js", ".so", ".cpp", ".cu"})
_TEMPLATES = frozenset({".jinja", ".jinja2", ".j2"})
_NOT_SETTINGS = ("tokenizer.json", "vocab.json", ".index.json")
"""Large tables rather than settings: compared by their digests."""


Elsewhere = Callable[[str, str], bytes | None]
"""From commit and path to bytes that nobody has measured yet, or None."""

_ASKED = 40
"""Files that the hub is asked for in one comparison."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One revision: its files by path (size, SHA-256) and the globals that findings name."""

    commit: str
    files: Mapping[str, tuple[int, str]]
    globals: frozenset[str]
    elsewhere: Elsewhere
    """Asks for a file that the cache does not have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """Something that is in one revision only, or differs. `kind`: `added removed changed`."""

    kind: str
    name: str
    before: str = ""
    after: str = ""
    lines: tuple[tuple[str, str], ...] = ()
    """Of a text: (sign, line), where the sign is `+`, `-`, ` ` or `@`."""
    unseen: str = ""
    """Why the content is not compared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """Changes of one kind, as far as they are shown; `total` counts all."""

    shown: tuple[Change, ...] = ()
    total: int = 0
    unseen: str = ""
    """Why nothing could be compared, if nothing could."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Everything that two revisions differ in."""

    files: Changes
    unchanged: int
    code: Changes
    templates: Changes
    settings: Changes
    globals: Changes
    tensors: Changes


def side(session: Session, record: VerdictRecord, elsewhere: Elsewhere) -> Side:
    """What the ledger knows of the files of a verdict."""
    named = set()
    for line in verdicts.findings(session, record.id):
        evidence = (line.finding or {}).get("evidence") or {}
        if isinstance(evidence.get("global"), str):
            named.add(evidence["global"])
    return Side(
        commit=record.verdict.commit,
        files=browse.files(session, record.id),
        globals=frozenset(named),
        elsewhere=elsewhere,
    )


def sparing(ask: Elsewhere) -> Elsewhere:
    """Ask no more often than one comparison may."""
    asked = 0

    def asking(commit: str, path: str) -> bytes | None:
        nonlocal asked
        asked += 1
        return ask(commit, path) if asked <= _ASKED else None

    return asking


def compare(
    layout: Layout, sides: Sequence[Side], admitted: Sequence[Admitted | None]
) -> Difference:
    """Compare a revision with the one before it: `sides` and `admitted` are (after, before)."""
    after, before = sides
    files = tuple(_changed(before.files, after.files, _file))
    changed = [change for change in files if change.kind != "same"]
    code, templates, settings = [], [], []
    for change in changed:
        kind = _kind_of(change.name)
        if kind == "code":
            code.append(_text(layout, change, before, after))
        elif kind == "template":
            templates.append(_text(layout, change, before, after))
        elif kind == "settings":
            settings.extend(_settings(layout, change, before, after))
    # A chat template inside a tokenizer's configuration is a template all the same.
    inside = [one for one in settings if "chat_template" in one.name.rpartition("›")[2]]
    templates.extend(_lines_of(one) for one in inside)
    settings = [one for one in settings if one not in inside]
    return Difference(
        files=_cut(changed),
        unchanged=len(files) - len(changed),
        code=_cut(code),
        templates=_cut(templates),
        settings=_cut(settings),
        globals=_cut(
            [
                *(Change(kind="added", name=g) for g in sorted(after.globals - before.globals)),
                *(Change(kind="removed", name=g) for g in sorted(before.globals - after.globals)),
            ]
        ),
        tensors=_tensors(layout, sides, admitted),
    )


def wanted(sides: Sequence[Side], admitted: Sequence[Admitted | None]) -> Iterator[tuple[str, int]]:
    """The content that a comparison reads, as far as it may: SHA-256 and size in bytes."""
    names = {name for one in sides for name in one.files}
    for name in sorted(names):
        known = {one.files.get(name) for one in sides}
        if len(known) > 1 and _kind_of(name):
            yield from ((one[1], one[0]) for one in known if one and one[0] <= TEXT_BYTES)
    left = tensors.MEASURED_BYTES
    for one in admitted:
        for file in tensors.as_published(one) if one else ():
            left -= file.size
            if left >= 0:
                yield file.sha256, file.size


def _changed(before: Mapping[str, Any], after: Mapping[str, Any], told: Any) -> Iterator[Change]:
    """One change for each name, `same` where there is none."""
    for name in sorted({*before, *after}):
        if name not in before:
            yield Change(kind="added", name=name, after=told(after[name]))
        elif name not in after:
            yield Change(kind="removed", name=name, before=told(before[name]))
        else:
            kind = "same" if before[name] == after[name] else "changed"
            yield Change(kind=kind, name=name, before=told(before[name]), after=told(after[name]))


def _file(known: tuple[int, str]) -> str:
    return f"{known[0]} bytes, sha256:{known[1][:12]}"


def _cut(changes: Sequence[Change]) -> Changes:
    return Changes(shown=tuple(changes[:SHOWN]), total=len(changes))


def _kind_of(path: str) -> str:
    name = PurePosixPath(path)
    if name.suffix in _CODE:
        return "code"
    if name.suffix in _TEMPLATES or name.name.startswith("chat_template"):
        return "template"
    if name.suffix == ".json" and not path.endswith(_NOT_SETTINGS):
        return "settings"
    return ""


# -- texts ---------------------------------------------------------------------------------


def _read(layout: Layout, side: Side, path: str) -> bytes | str:
    """The bytes of a file if the cache has them, measured; else why not."""
    if path not in side.files:
        return b""
    size, sha256 = side.files[path]
    if size > TEXT_BYTES:
        return f"larger than {TEXT_BYTES >> 20} MiB"
    try:
        with layout.blob(sha256).open("rb") as file:
            data = file.read(TEXT_BYTES + 1)
    except FileNotFoundError:
        given = side.elsewhere(side.commit, path)
        if given is None:
            return "its bytes are not kept, and the hub does not give them"
        data = given
    except OSError as error:
        return f"its bytes cannot be read: {error.strerror}"
    if hashlib.sha256(data).hexdigest() != sha256:
        return "its bytes are not those that were judged"
    return data


def _text(layout: Layout, change: Change, before: Side, after: Side) -> Change:
    old, new = _read(layout, before, change.name), _read(layout, after, change.name)
    if isinstance(old, str) or isinstance(new, str):
        why = new if isinstance(new, str) else old
        return _with(change, unseen=str(why))
    try:
        return _with(change, lines=_line_by_line(old.decode(), new.decode()))
    except UnicodeDecodeError:
        return _with(change, unseen="no text")
    except _TooLong:
        return _with(change, unseen=f"more than {_LINES} lines")


def _lines_of(change: Change) -> Change:
    try:
        return _with(change, before="", after="", lines=_line_by_line(change.before, change.after))
    except _TooLong:
        return _with(change, before="", after="", unseen=f"more than {_LINES} lines")


class _TooLong(Exception):  # noqa: N818  never leaves this file
    """A text has more lines than are compared."""


def _line_by_line(before: str, after: str) -> tuple[tuple[str, str], ...]:
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > _LINES:
        raise _TooLong
    lines = list(difflib.unified_diff(old, new, lineterm="", n=3))[2:]
    shown = [(line[:1] or " ", line[1:]) for line in lines[:SHOWN]]
    if len(lines) > SHOWN:
        shown.append(("@", f"{len(lines) - SHOWN} more lines are not shown"))
    return tuple(shown)


def _with(change: Change, **values: Any) -> Change:
    said = {
        "kind": change.kind,
        "name": change.name,
        "before": change.before,
        "after": change.after,
        "lines": change.lines,
        "unseen": change.unseen,
    }
    return Change(**{**said, **values})


# -- settings ------------------------------------------------------------------------------


def _settings(layout: Layout, change: Change, before: Side, after: Side) -> list[Change]:
    """One change for each key that differs: `config.json › rope_scaling.factor`."""
    old, new = _read(layout, before, change.name), _read(layout, after, change.name)
    if isinstance(old, str) or isinstance(new, str):
        return [_with(change, unseen=str(new if isinstance(new, str) else old))]
    try:
        flat = [dict(_flat(json.loads(data or b"{}"))) for data in (old, new)]
    except (ValueError, RecursionError):
        return [_with(change, unseen="no JSON that can be read")]
    return [
        _with(one, name=f"{change.name} › {one.name}")
        for one in _changed(flat[0], flat[1], str)
        if one.kind != "same"
    ]


def _flat(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and (value or not path) and depth < _DEPTH:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key), depth + 1)
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield path or "(the whole)", text


# -- tensors -------------------------------------------------------------------------------


def _tensors(layout: Layout, sides: Sequence[Side], admitted: Sequence[Admitted | None]) -> Changes:
    new, old = admitted
    if old is None:
        return Changes(unseen="the admission before has been removed")
    if new is None:
        return Changes(unseen="this revision is not admitted, so its tensors are not kept")
    budget = tensors.Budget()
    try:
        after, before = (tensors.of(layout, one, budget) for one in (new, old))
    except tensors.Unread as why:
        return Changes(unseen=str(why))
    changes = []
    for name in sorted({*before, *after}):
        was, now = before.get(name), after.get(name)
        if was is None or now is None:
            kind = "added" if was is None else "removed"
            changes.append(Change(kind=kind, name=name, before=_tensor(was), after=_tensor(now)))
        elif (was.dtype, was.shape) != (now.dtype, now.shape):
            changes.append(
                Change(kind="changed", name=name, before=_tensor(was), after=_tensor(now))
            )
        elif was.digest is None or now.digest is None:
            if was.file == now.file and was.file:
                continue
            changes.append(
                Change(
                    kind="changed",
                    name=name,
                    before=_tensor(was),
                    after=_tensor(now),
                    unseen="too large to measure here; its file differs",
                )
            )
        elif was.digest != now.digest:
            changes.append(
                Change(kind="changed", name=name, before=_tensor(was), after=_tensor(now))
            )
    return _cut(changes)


def _tensor(one: Tensor | None) -> str:
    if one is None:
        return ""
    shape = "×".join(map(str, one.shape)) or "scalar"
    digest = f", blake3:{one.digest[:12]}" if one.digest else ""
    return f"{one.dtype} {shape}{digest}"
