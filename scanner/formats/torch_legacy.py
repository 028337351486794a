"""Torch files of the time before zip: five pickles, then the raw storages.

The pickles are a magic number, a protocol version, facts about the writing machine, the
object itself with persistent ids for storages, and the list of storage keys. For each key
follow an 8-byte count of elements and as many elements. Each pickle is a program that
`torch.load` runs, so all five are interpreted.

Source: `torch/serialization.py`, `_legacy_load` and `_legacy_save`.
"""

from __future__ import annotations

from scanner.facts import PersistentIdFact, ProblemFact
from scanner.formats import Format, Read, _torch_legacy
from scanner.formats.pickle import interpreted, second
from scanner.frozen import replace
from scanner.pickles.persistent import torch as torch_ids
from scanner.pickles.storages import WIDTHS
from scanner.pickles.values import Global, ListValue, Persistent, Value
from scanner.reader import Blob


def read(blob: Blob) -> Read:
    """Yield what the five pickles do, and whether the storages are where they should be."""
    widths: dict[str, int] = {}

    def note(pid: Value, offset: int) -> tuple[str | None, Value]:
        objection, value = torch_ids(pid, offset)
        storage = objection is None and isinstance(value, Persistent)
        if storage and isinstance(pid, tuple) and isinstance(pid[1], Global):
            widths[_key(pid[2])] = WIDTHS.get(pid[1].name, 0)
        return objection, value

    seen = interpreted(blob, persistent_ids=note, pickles=5)
    for fact in seen.facts:
        if not (isinstance(fact, PersistentIdFact) and fact.objection is None):
            yield fact
    if seen.ends:
        yield from second(replace(blob, data=blob.data[: seen.ends[-1]]), seen)
    if len(seen.ends) < 5:
        if seen.complete:
            yield blob.problem("incomplete", "fewer than five pickles", fatal=True)
        return
    yield from _storages(blob, seen.values[4], seen.ends[4], widths)


def _key(value: Value) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _storages(blob: Blob, keys: Value, at: int, widths: dict[str, int]) -> Read:
    if not isinstance(keys, ListValue):
        yield blob.problem("malformed", "the last pickle is no list of storage keys", fatal=True)
        return
    for key in keys:
        width = widths.get(_key(key))
        if not width:
            # The size of what was never named cannot be told, so neither can what follows.
            yield _stray(blob, f"storage {_key(key)!r} is listed and never used", at)
            return
        count = int.from_bytes(blob.data[at : at + 8], "little")
        end = at + 8 + count * width
        if at + 8 > len(blob.data) or end > len(blob.data):
            yield blob.problem("incomplete", "storages run past the end", offset=at, fatal=True)
            return
        at = end
    missing = sorted(set(widths) - {_key(key) for key in keys})
    if missing:
        message = f"storage {missing[0][:100]!r} is used and has no data"
        yield blob.problem("incomplete", message, fatal=True)
    if at < len(blob.data):
        yield _stray(blob, f"{len(blob.data) - at} bytes follow the last storage", at)


def _stray(blob: Blob, message: str, at: int) -> ProblemFact:
    return blob.problem("trailing-data", message, offset=at)


FORMAT = Format(name="torch-legacy", recognise=_torch_legacy.recognise, read=read)
