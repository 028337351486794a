"""Torch's files before 1.6: five pickles one after another, then the storages' bytes.

The pickles are a magic number, a protocol number, facts about the machine, the state, and
the list of storage keys. Each storage follows as a 64-bit count of elements and its bytes,
little-endian whatever machine wrote it. There is no checksum.
"""

from __future__ import annotations

import mmap

from scanner.facts import TensorFact
from scanner.pickles.machine import interpret
from scanner.pickles.rebuilt import ITEM_BYTES
from scanner.pickles.tensors import read_state
from scanner.pickles.values import ListValue
from secureload.convert.state import name_state
from secureload.convert.torch_pickle import accept, checkpoints, is_magic, make_tensors
from secureload.convert.weights import Converter, Opened, Storage, Weights
from secureload.errors import ConversionError

_MAGIC = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
_PROTOCOL = 1001
_DAMAGED = "the file is damaged or forged; fetch it again"


def recognise(file: Opened) -> bool:
    """Whether this begins with a pickle of torch's magic number."""
    return _MAGIC in file.read(32, 0)


def read(file: Opened) -> Weights:
    """Find the tensors; see `Converter`."""
    with file.mapped() as data:
        return _read(file, data)


def _read(file: Opened, data: mmap.mmap) -> Weights:
    interpreted = interpret(data, pickles=5, persistent_ids="torch", allowlist=checkpoints())
    accept(file, interpreted)
    values = interpreted.values
    if len(values) != 5 or not is_magic(values[0]) or values[1] != _PROTOCOL:
        raise ConversionError(f"{file.name}: not the five pickles of a torch file", hint=_DAMAGED)
    named = name_state(file.name, read_state(values[3]))
    keys = values[4]
    if not isinstance(keys, (ListValue, tuple)) or not all(isinstance(key, str) for key in keys):
        raise ConversionError(f"{file.name}: no list of storage keys", hint=_DAMAGED)
    storages = _storages(file, data, interpreted.ends[4], [str(k) for k in keys], named.tensors)

    def find(key: str) -> tuple[Storage, int | None]:
        if key not in storages:
            raise ConversionError(
                f"{file.name}: no storage {key}, which a tensor views", hint=_DAMAGED
            )
        return storages[key]

    return Weights(
        converter=CONVERTER.id,
        tensors=make_tensors(file, named.tensors, find),
        values=named.values,
        notes=(*named.notes, "the file has no checksums, so damage to it would not show"),
    )


def _storages(
    file: Opened, data: mmap.mmap, at: int, keys: list[str], tensors: dict[str, TensorFact]
) -> dict[str, tuple[Storage, int | None]]:
    """Walk the storages that follow the pickles, up to the end of the file."""
    sizes = {fact.storage: ITEM_BYTES.get(fact.storage_dtype, 0) for fact in tensors.values()}
    found: dict[str, tuple[Storage, int | None]] = {}
    for key in keys:
        if key in found or not sizes.get(key):
            raise ConversionError(
                f"{file.name}: storage {key} is listed twice or belongs to no tensor",
                hint=_DAMAGED,
            )
        count = int.from_bytes(data[at : at + 8], "little")
        begin, end = at + 8, at + 8 + count * sizes[key]
        if end > file.size:
            raise ConversionError(
                f"{file.name}: storage {key} ends at byte {end}, the file at {file.size}",
                hint="the file is truncated; fetch it again",
            )
        found[key] = Storage(label=f"storage {key}", begin=begin, size=end - begin), count
        at = end
    if at != file.size:
        raise ConversionError(
            f"{file.name}: {file.size - at} bytes follow the last storage", hint=_DAMAGED
        )
    return found


CONVERTER = Converter(name="torch-legacy", recognise=recognise, read=read)
