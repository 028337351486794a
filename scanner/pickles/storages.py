"""Storages that a plain pickle carries as bytes: `torch.storage._load_from_bytes`.

Outside `torch.save`, a tensor pickles its storage as a torch file of the time before zip, in
bytes, which that function hands to `torch.load`. What the bytes say is judged here, and is
harmless where they hold one storage of torch's and nothing else: no call, no other class.

Source: `torch/storage.py`, `_load_from_bytes`; `torch/serialization.py`, `_legacy_load`.
"""

from __future__ import annotations

from typing import Final

from scanner.facts import ImportFact, PersistentIdFact
from scanner.frozen import replace
from scanner.limits import LIMITS
from scanner.pickles.allowlist import Allowlist
from scanner.pickles.source import Source
from scanner.pickles.values import Global, ListValue, Persistent

MAGIC: Final = 0x1950A86A20F9469CFC6C.to_bytes(10, "little")
"""The first pickle of a torch file of the time before zip, as the argument of LONG1."""

WIDTHS: Final = {
    "DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2,
    "LongStorage": 8, "IntStorage": 4, "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1,
    "BoolStorage": 1, "ComplexFloatStorage": 8, "ComplexDoubleStorage": 16,
    "QInt8Storage": 1, "QUInt8Storage": 1, "QInt32Storage": 4, "QUInt4x2Storage": 1,
    "QUInt2x4Storage": 1, "UntypedStorage": 1,
}  # fmt: skip
"""Bytes an element, by storage class."""

_HEAD: Final = b"\x80\x02\x8a\x0a" + MAGIC + b"."
_LIMITS: Final = replace(LIMITS, pickle_opcodes=500)
"""What torch writes for one storage has about 60 opcodes."""

_OTHER: Final = "its bytes are not one storage as torch writes it"


def objection(data: Source, start: int, stop: int, allow: Allowlist) -> str | None:
    """Return why data[start:stop] is not one storage and nothing else, or None."""
    from scanner.pickles.machine import interpret

    if data[start : start + len(_HEAD)] != _HEAD:
        return _OTHER
    seen = interpret(
        data, start=start, end=stop, pickles=5, allowlist=allow, persistent_ids="torch",
        loader="pickle", limits=_LIMITS,
    )  # fmt: skip
    if len(seen.ends) != 5 or len(seen.values) != 5 or not seen.clean:
        return _OTHER
    for fact in seen.facts:
        if isinstance(fact, ImportFact):
            if allow.kind(Global(fact.module or "", fact.name or "")) != "storage":
                return _OTHER
        elif not isinstance(fact, PersistentIdFact):
            return _OTHER
    storage, keys, at = seen.values[3], seen.values[4], seen.ends[4]
    if not isinstance(storage, Persistent) or not isinstance(storage.pid, tuple):
        return _OTHER
    kind, key = storage.pid[1], storage.pid[2]
    if not isinstance(kind, Global) or not isinstance(keys, ListValue) or list(keys) != [key]:
        return _OTHER
    count = int.from_bytes(data[at : at + 8], "little")
    held = count * WIDTHS.get(kind.name, 0)
    return None if at + 8 + held == stop else _OTHER
