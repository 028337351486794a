"""The element types that both torch and safetensors have, and their names on either side."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from scanner.frozen import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class DType:
    """One element type: torch's name, safetensors' code, and how its bytes are arranged.

    `size` is in bytes an element. `unit` is the width in bytes that a byte swap reverses
    (a complex number is two floats), `sign` the mask of the sign bit in one unit, or 0 where
    the type has none that a lazy negation could flip. `rank` is the place safetensors gives
    the type in a file: higher ranks come first.
    """

    name: str
    code: str
    size: int
    unit: int
    sign: int
    rank: int


def _float(size: int) -> int:
    return 1 << (8 * size - 1)


# In the order of safetensors' own `Dtype` enumeration (safetensors/src/tensor.rs); its
# writer sorts by it, highest first, so that every tensor lies aligned to its element size.
_ROWS: tuple[tuple[str, str, int, int, int], ...] = (
    ("bool", "BOOL", 1, 1, 0),
    ("uint8", "U8", 1, 1, 0),
    ("int8", "I8", 1, 1, 0),
    ("float8_e5m2", "F8_E5M2", 1, 1, _float(1)),
    ("float8_e4m3fn", "F8_E4M3", 1, 1, _float(1)),
    ("float8_e8m0fnu", "F8_E8M0", 1, 1, 0),
    ("float8_e4m3fnuz", "F8_E4M3FNUZ", 1, 1, 0),
    ("float8_e5m2fnuz", "F8_E5M2FNUZ", 1, 1, 0),
    ("int16", "I16", 2, 2, 0),
    ("uint16", "U16", 2, 2, 0),
    ("float16", "F16", 2, 2, _float(2)),
    ("bfloat16", "BF16", 2, 2, _float(2)),
    ("int32", "I32", 4, 4, 0),
    ("uint32", "U32", 4, 4, 0),
    ("float32", "F32", 4, 4, _float(4)),
    ("complex64", "C64", 8, 4, _float(4)),
    ("float64", "F64", 8, 8, _float(8)),
    ("int64", "I64", 8, 8, 0),
    ("uint64", "U64", 8, 8, 0),
)

DTYPES: Mapping[str, DType] = MappingProxyType(
    {
        name: DType(name=name, code=code, size=size, unit=unit, sign=sign, rank=rank)
        for rank, (name, code, size, unit, sign) in enumerate(_ROWS)
    }
)
"""By torch's name, without the `torch.` prefix."""

CODES: Mapping[str, DType] = MappingProxyType({dtype.code: dtype for dtype in DTYPES.values()})
"""By safetensors' code."""

# What only a safetensors file can hold: read and checked, never written.
FOREIGN_BITS: Mapping[str, int] = MappingProxyType({"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6})
"""Bits an element of the packed types that torch has no dtype of its own for."""
