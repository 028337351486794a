"""The safetensors file format: where each tensor lies, and the header that says so.

The format is a little-endian 64-bit header length, that many bytes of JSON, then the
tensors back to back (https://github.com/huggingface/safetensors#format). `lay_out` gives
the very bytes that `safetensors.torch.save_file` would write.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Iterable, Mapping
from typing import Any

from scanner.frozen import dataclass, field
from scanner.limits import LIMITS
from secureload.convert.dtypes import CODES, DTYPES, FOREIGN_BITS
from secureload.errors import ConversionError

_LENGTH = struct.Struct("<Q")
_ALIGNMENT = 8
_METADATA = "__metadata__"
_NOT_SAFE = "the file is damaged or was not written by safetensors; ask for a fresh copy"


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """A tensor's place in a safetensors file.

    `dtype` is safetensors' code, `begin` and `end` count bytes from the start of the file.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def size(self) -> int:
        """Bytes the tensor takes."""
        return self.end - self.begin


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """A whole safetensors file but for the tensors' bytes.

    `header` is everything before the first tensor, length prefix included; `slots` are in
    file order; `size` is the file's size in bytes.
    """

    header: bytes
    slots: tuple[Slot, ...]
    size: int
    metadata: Mapping[str, str] = field(default_factory=dict)

    def by_name(self) -> dict[str, Slot]:
        """The slots under their tensors' names."""
        return {slot.name: slot for slot in self.slots}


def nbytes(dtype: str, shape: Iterable[int]) -> int:
    """Bytes that a tensor of torch's dtype name `dtype` takes without gaps."""
    return DTYPES[dtype].size * math.prod(shape)


def lay_out(
    tensors: Iterable[tuple[str, str, tuple[int, ...]]], metadata: Mapping[str, str]
) -> Layout:
    """Place tensors, given as (name, torch dtype name, shape), as `save_file` would.

    Raises:
        ConversionError: a name is no valid Unicode, is reserved or occurs twice, or the
            header is larger than readers accept.
    """
    ordered = sorted(tensors, key=lambda tensor: (-DTYPES[tensor[1]].rank, tensor[0]))
    header: dict[str, Any] = {_METADATA: dict(metadata)} if metadata else {}
    placed: list[tuple[str, str, tuple[int, ...], int, int]] = []
    end = 0
    for name, dtype, shape in ordered:
        if name in header or name == _METADATA:
            raise ConversionError(
                f"two tensors would be named {name!r}"
                if name != _METADATA
                else f"a tensor is named {name!r}, which safetensors reserves",
                hint="rename one of them in the checkpoint",
            )
        begin, end = end, end + nbytes(dtype, shape)
        code = DTYPES[dtype].code
        header[name] = {"dtype": code, "shape": list(shape), "data_offsets": [begin, end]}
        placed.append((name, code, shape, begin, end))
    try:
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise ConversionError(
            f"a tensor's name is no valid Unicode: {error.object!a}",
            hint="rename it in the checkpoint",
        ) from None
    text += b" " * (-len(text) % _ALIGNMENT)
    if len(text) > LIMITS.header_bytes:
        raise ConversionError(
            f"the header of {len(placed)} tensors takes {len(text)} bytes, "
            f"more than readers accept ({LIMITS.header_bytes})",
            hint="write shards with --max-shard-size",
        )
    start = _LENGTH.size + len(text)
    return Layout(
        header=_LENGTH.pack(len(text)) + text,
        slots=tuple(
            Slot(name=name, dtype=code, shape=shape, begin=start + begin, end=start + stop)
            for name, code, shape, begin, stop in placed
        ),
        size=start + end,
        metadata=dict(metadata),
    )


def read_layout(descriptor: int, name: str) -> Layout:
    """Read and check the header of an open safetensors file called `name` in messages.

    The tensors must follow each other without gap or overlap and fill the file exactly.

    Raises:
        ConversionError: the file is not a valid safetensors file.
    """
    size = os.fstat(descriptor).st_size
    prefix = os.pread(descriptor, _LENGTH.size, 0)
    try:
        length = header_size(prefix, size)
    except ConversionError as error:
        raise ConversionError(f"{name}: {error.message}", hint=error.hint) from None
    return parse_layout(os.pread(descriptor, length, 0), size, name)


def header_size(prefix: bytes, size: int) -> int:
    """Bytes before the first tensor, by the first 8 bytes of a file of `size` bytes.

    Raises:
        ConversionError: no such header fits.
    """
    if len(prefix) < _LENGTH.size or size < _LENGTH.size:
        raise ConversionError("no safetensors header", hint=_NOT_SAFE)
    (length,) = _LENGTH.unpack(prefix[: _LENGTH.size])
    if length > min(LIMITS.header_bytes, size - _LENGTH.size):
        raise ConversionError(f"header of {length} bytes in {size}", hint=_NOT_SAFE)
    return _LENGTH.size + int(length)


def parse_layout(head: bytes, size: int, name: str) -> Layout:
    """Check all of a file before its first tensor, length prefix included; see `read_layout`.

    Raises:
        ConversionError: this is not the header of a valid safetensors file of `size` bytes.
    """
    text, start = head[_LENGTH.size :], len(head)
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_unique)
        slots, metadata = _parse(header, start)
    except (ValueError, RecursionError) as error:
        raise ConversionError(f"{name}: bad header: {error}", hint=_NOT_SAFE) from None
    position = start
    for slot in slots:
        if slot.begin != position:
            raise ConversionError(
                f"{name}: tensor {slot.name!r} begins at byte {slot.begin}, "
                f"but the one before it ends at {position}",
                hint=_NOT_SAFE,
            )
        position = slot.end
    if position != size:
        raise ConversionError(
            f"{name}: tensors end at byte {position}, the file at {size}", hint=_NOT_SAFE
        )
    return Layout(header=head, slots=slots, size=size, metadata=metadata)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} occurs twice")
    return found


def _parse(header: Any, start: int) -> tuple[tuple[Slot, ...], dict[str, str]]:
    if not isinstance(header, dict):
        raise ValueError("not a JSON object")
    metadata = header.pop(_METADATA, None) or {}
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError("__metadata__ is not a map of strings")
    slots = [_slot(name, entry, start) for name, entry in header.items()]
    return tuple(sorted(slots, key=lambda slot: (slot.begin, slot.end))), metadata


def _slot(name: str, entry: Any, start: int) -> Slot:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"entry of tensor {name!r} is not dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not (_counts(shape) and _counts(offsets) and len(offsets) == 2):
        raise ValueError(f"tensor {name!r} has a bad shape or offsets")
    if dtype in CODES:
        bits = 8 * CODES[dtype].size * math.prod(shape)
    elif dtype in FOREIGN_BITS:
        bits = FOREIGN_BITS[dtype] * math.prod(shape)
    else:
        raise ValueError(f"tensor {name!r} has the unknown dtype {dtype!r}")
    begin, end = offsets
    if 8 * (end - begin) != bits:
        raise ValueError(f"tensor {name!r} takes {end - begin} bytes, its shape {bits / 8:g}")
    return Slot(name=name, dtype=dtype, shape=tuple(shape), begin=start + begin, end=start + end)


def _counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(v) is int and v >= 0 for v in values)
