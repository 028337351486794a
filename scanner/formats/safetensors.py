"""safetensors: a length, a JSON header, raw tensors; every promise of the header is checked.

Source: the safetensors format description and the checks of its reference reader, to which
this adds duplicate keys and bytes that no tensor claims.
"""

from __future__ import annotations

import json

from scanner.facts import ConfigFact
from scanner.formats import Format, Read
from scanner.formats._json import DuplicateKeyError, TooDeepError, load_json
from scanner.formats._safetensors import safetensors_head
from scanner.reader import Blob

_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32,
    "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
"""Bits an element, by type name."""
_PROGRAMS = (
    b"\x7fELF",
    b"PK\x03\x04",
    b"7z\xbc\xaf\x27\x1c",
    b"\xfd7zXZ\0",
    b"Rar!\x1a\x07",
    b"#!/bin",
)
"""How programs and archives begin; numbers do so once in thousands of millions of tensors."""


def recognise(blob: Blob) -> bool:
    """Whether a plausible header length is followed by a JSON object."""
    return safetensors_head(blob.head(9))


def read(blob: Blob) -> Read:
    """Yield every way in which the file breaks its own promises."""
    length = int.from_bytes(blob.head(8), "little")
    if length > blob.limits.header_bytes:
        yield blob.problem("limit-reached", "the header is longer than any reader takes",
                           fatal=True)  # fmt: skip
        return
    if 8 + length > len(blob.data):
        yield blob.problem("incomplete", "the header is cut off", fatal=True)
        return
    try:
        header = load_json(bytes(blob.data[8 : 8 + length]), blob.limits)
    except DuplicateKeyError as error:
        yield blob.problem("duplicate-key", f"the header has {error} twice", fatal=True)
        return
    except (ValueError, TooDeepError) as error:
        yield blob.problem("malformed", f"the header is no JSON: {error}", fatal=True)
        return
    if not isinstance(header, dict):
        yield blob.problem("malformed", "the header is no JSON object", fatal=True)
        return
    metadata = header.pop("__metadata__", None)
    if metadata is not None:
        if not isinstance(metadata, dict) or not all(
            isinstance(value, str) for value in metadata.values()
        ):
            yield blob.problem("malformed", "the metadata is no map of strings", fatal=True)
        else:
            yield from _metadata(blob, metadata)
        if isinstance(metadata, dict) and metadata.get("format") in ("tf", "flax", "jax", "mlx"):
            yield ConfigFact(
                where=blob.where(8), document=blob.name, path="$.__metadata__.format",
                key="safetensors-format", value=str(metadata["format"]),
            )  # fmt: skip
    yield from _tensors(blob, header, len(blob.data) - 8 - length)


def _metadata(blob: Blob, metadata: dict[str, str]) -> Read:
    for key, value in metadata.items():
        if len(value) <= 8:
            # Most files say `pt` and no more; what follows takes time to import.
            continue
        from scanner.formats import _strings

        raw = value.encode("utf-8", "surrogatepass")
        yield from _strings.held(blob, f"__metadata__.{key}", raw)


def _tensors(blob: Blob, header: dict[str, object], room: int) -> Read:
    spans: list[tuple[int, int, str]] = []
    for name, entry in header.items():
        problem = _entry(entry, room)
        if isinstance(problem, str):
            yield blob.problem("malformed", f"tensor {json.dumps(name)[:200]}: {problem}",
                               fatal=True)  # fmt: skip
            return
        spans.append((*problem, name))
    spans.sort()
    at = 0
    for start, end, name in spans:
        if start < at:
            yield blob.problem("overlapping-tensors", f"{name!r} overlaps another", fatal=True)
            return
        if start > at:
            yield blob.problem("unclaimed-bytes", f"{start - at} bytes lie before {name!r}",
                               fatal=True)  # fmt: skip
            return
        at = end
        data = blob.data[len(blob.data) - room + start :][: end - start]
        if bytes(data[:6]).startswith(_PROGRAMS):
            yield blob.inner(data, name[:200])
    if at < room:
        yield blob.problem("trailing-data", f"{room - at} bytes follow the last tensor",
                           offset=len(blob.data) - (room - at), fatal=True)  # fmt: skip


def _entry(entry: object, room: int) -> str | tuple[int, int]:
    """The tensor's span in the data, or what is wrong with its entry."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        return "the entry needs dtype, shape and data_offsets, and nothing else"
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    bits = _BITS.get(dtype) if isinstance(dtype, str) else None
    if bits is None:
        return f"unknown type {str(dtype)[:40]!r}"
    if not isinstance(shape, list) or not all(_is_count(size) for size in shape):
        return "the shape is no list of sizes"
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(_is_count, offsets)):
        return "the offsets are no pair of positions"
    start, end = offsets
    if not start <= end <= room:
        return "the offsets lie outside the data"
    elements = 1
    for size in shape:
        elements *= size
        if elements > 1 << 62:
            return "the shape is larger than any memory"
    if elements * bits != (end - start) * 8:
        return "shape and type do not fit the offsets"
    return start, end


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


FORMAT = Format(name="safetensors", recognise=recognise, read=read)
