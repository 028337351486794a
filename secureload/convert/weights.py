"""What every reader of weights gives: named views of storages in one file, nothing loaded."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from scanner.frozen import dataclass, field
from secureload import versions
from secureload.convert.copy import Record
from secureload.convert.dtypes import DTYPES, DType
from secureload.convert.gather import View
from secureload.errors import ConversionError


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A source file, open for reading: `name` is what messages call it, `size` in bytes.

    `approved` says that a policy has judged the file's scan; otherwise the converter itself
    refuses what is more than a plain checkpoint.
    """

    descriptor: int
    name: str
    size: int
    approved: bool = False

    def read(self, count: int, offset: int) -> bytes:
        """Read up to `count` bytes at `offset`; fewer at the end of the file."""
        return os.pread(self.descriptor, count, offset)

    @contextmanager
    def mapped(self) -> Iterator[mmap.mmap]:
        """Map the file for reading headers and pickles."""
        data = mmap.mmap(self.descriptor, self.size, access=mmap.ACCESS_READ)
        try:
            yield data
        finally:
            with suppress(BufferError):
                data.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class Storage:
    """A run of elements in the file; `label` is its member or key in messages.

    `begin` is a byte offset in the file, `size` counts bytes, `swap` says that multi-byte
    elements are of the other byte order. A run stored in pieces has their ranges (begin,
    size) as `parts`, and `begin` 0.
    """

    label: str
    begin: int
    size: int
    swap: bool = False
    parts: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Tensor:
    """A named view: `offset` and `stride` count elements of `dtype` in the storage."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    storage: Storage
    offset: int = 0
    conjugate: bool = False
    negative: bool = False

    @property
    def view(self) -> View:
        """Where the elements lie in the file."""
        return View(
            dtype=self.dtype,
            shape=self.shape,
            stride=self.stride,
            begin=self.storage.begin + self.offset * self.dtype.size,
            swap=self.storage.swap,
            parts=self.storage.parts,
            conjugate=self.conjugate,
            negative=self.negative,
        )

    @property
    def source(self) -> str:
        """Where the elements begin, for people: storage and byte offset in it."""
        return f"{self.storage.label}+{self.offset * self.dtype.size}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """All that one file holds.

    `records` are the file's own checksums, `values` what is no tensor, ready for JSON, and
    `notes` what a reader should know.
    """

    converter: str
    tensors: tuple[Tensor, ...]
    records: tuple[Record, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Converter:
    """A format that can be converted: how to know it, and how to read it.

    `recognise` judges by content alone; `read` raises ConversionError for what it cannot
    read to the last tensor.
    """

    name: str
    recognise: Callable[[Opened], bool]
    read: Callable[[Opened], Weights]

    @property
    def id(self) -> str:
        """Name and version, for the record."""
        return f"{self.name}/{versions.CONVERTERS[self.name]}"


def make_tensor(
    file: str,
    name: str,
    *,
    dtype: str,
    shape: tuple[int, ...],
    stride: tuple[int, ...],
    storage: Storage,
    offset: int,
    conjugate: bool = False,
    negative: bool = False,
) -> Tensor:
    """Check one tensor's description against its storage.

    Raises:
        ConversionError: safetensors has no such dtype, or the view leaves its storage.
    """
    known = DTYPES.get(dtype)
    where = f"{file}: tensor {name!r}"
    if known is None:
        raise ConversionError(
            f"{where} has dtype {dtype}, which safetensors cannot hold", hint=_hint(dtype)
        )
    if len(shape) != len(stride) or min((*shape, *stride, offset), default=0) < 0:
        raise ConversionError(
            f"{where} has shape {shape}, stride {stride} and offset {offset}, which is no tensor",
            hint="the checkpoint is damaged or forged",
        )
    if negative and not known.sign:
        raise ConversionError(
            f"{where} is lazily negated, but {dtype} has no sign", hint="resolve_neg() it first"
        )
    if conjugate and dtype != "complex64":
        raise ConversionError(
            f"{where} is lazily conjugated, but {dtype} is not complex", hint="the file is forged"
        )
    tensor = Tensor(
        name=name,
        dtype=known,
        shape=shape,
        stride=stride,
        storage=storage,
        offset=offset,
        conjugate=conjugate,
        negative=negative,
    )
    needed = tensor.offset * known.size + tensor.view.span
    if tensor.view.count and needed > storage.size:
        raise ConversionError(
            f"{where} reaches to byte {needed} of {storage.label}, which has {storage.size}",
            hint="the checkpoint is damaged or forged; fetch it again",
        )
    return tensor


def _hint(dtype: str) -> str:
    if dtype == "complex128":
        return "store it as complex64, or as two float64 tensors (torch.view_as_real)"
    if dtype.startswith(("q", "quint")):
        return "dequantize() it first, or store int_repr(), scale and zero point"
    return "convert it to a dtype of safetensors, or leave it out"
