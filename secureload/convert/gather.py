"""Bring the elements of a strided view into row-major order, a bounded block at a time.

For what a plain copy cannot do: transposed, sliced and expanded views, big-endian files,
and torch's lazy conjugation and negation bits, which are resolved here. numpy is imported
only when such a tensor turns up; it sees plain numbers, never objects.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from scanner.frozen import dataclass
from secureload.convert.dtypes import DType
from secureload.errors import ConversionError

if TYPE_CHECKING:
    import numpy as np

_BLOCK = 16 << 20
"""Bytes of output gathered at a time."""

_SPAN = 4 << 20
"""Most bytes of the source read at once for one block."""

_PAGE = 64 << 10
"""A read this short is done whole, however few of its bytes are wanted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """A strided view of elements in a file.

    `begin` is the byte offset of the view's first element in the file; `stride` counts
    elements. `swap` says that the source is of the other byte order. With `parts`, ranges
    (begin, size) of the file in bytes, offsets count in those ranges put end to end.
    """

    dtype: DType
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    begin: int
    swap: bool = False
    conjugate: bool = False
    negative: bool = False
    parts: tuple[tuple[int, int], ...] = ()

    @property
    def count(self) -> int:
        """Elements in the view."""
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes of the view without gaps."""
        return self.count * self.dtype.size

    @property
    def span(self) -> int:
        """Bytes of the source from the view's first element to the end of its last."""
        return self.dtype.size * _extent(self.shape, self.stride)

    @property
    def plain(self) -> bool:
        """Whether the view's bytes lie in the file just as safetensors wants them."""
        if self.parts or self.conjugate or self.negative or (self.swap and self.dtype.unit > 1):
            return False
        expected = 1
        for length, step in zip(reversed(self.shape), reversed(self.stride), strict=True):
            if length != 1 and step != expected and self.count:
                return False
            expected *= length
        return True


def _extent(shape: tuple[int, ...], stride: tuple[int, ...]) -> int:
    if 0 in shape:
        return 0
    return 1 + sum((length - 1) * step for length, step in zip(shape, stride, strict=True))


def gather(source: int, name: str, view: View) -> Iterator[memoryview]:
    """Yield the view's elements in row-major order, as bytes to write one after another.

    `source` is an open file, `name` what messages call it. A yielded buffer is valid until
    the next one is asked for.

    Raises:
        ConversionError: the file ends inside the view.
    """
    import numpy as np

    element = np.dtype(f"<u{view.dtype.size}")
    block = np.empty(max(_BLOCK // element.itemsize, 1), element)
    for first, shape, stride in _blocks(view.shape, view.stride, element.itemsize):
        part = block[: math.prod(shape)]
        for target, offset, lengths, steps in _readable(part.reshape(shape), first, stride):
            size = _extent(lengths, steps) * element.itemsize
            at = view.begin + offset * element.itemsize
            data = b"".join(
                _read(source, name, begin, count) for begin, count in _ranges(view, at, size)
            )
            strides = tuple(step * element.itemsize for step in steps)
            target[...] = np.ndarray(lengths, element, data, 0, strides)
        _resolve(part, view)
        yield part.data.cast("B")


def _blocks(
    shape: tuple[int, ...], stride: tuple[int, ...], size: int
) -> Iterator[tuple[int, tuple[int, ...], tuple[int, ...]]]:
    """Cut a view into row-major blocks: first element, shape and stride of each."""
    if 0 in shape:
        return
    if not shape:
        yield 0, (1,), (1,)
        return
    axis, inner = len(shape) - 1, 1
    while axis and inner * shape[axis] * size <= _BLOCK:
        inner *= shape[axis]
        axis -= 1
    step = max(_BLOCK // (inner * size), 1)
    for prefix in itertools.product(*map(range, shape[:axis])):
        base = sum(index * length for index, length in zip(prefix, stride[:axis], strict=True))
        for start in range(0, shape[axis], step):
            rows = min(step, shape[axis] - start)
            yield base + start * stride[axis], (rows, *shape[axis + 1 :]), stride[axis:]


def _readable(
    block: np.ndarray[Any, Any], first: int, stride: tuple[int, ...]
) -> Iterator[tuple[Any, int, tuple[int, ...], tuple[int, ...]]]:
    """Split a block until each part's source is short, or dense enough to read whole."""
    pending: list[tuple[Any, int]] = [(block, first)]
    while pending:
        part, offset = pending.pop()
        shape = part.shape
        span = _extent(shape, stride) * part.itemsize
        if span <= _PAGE or (span <= _SPAN and span <= 4 * part.size * part.itemsize):
            yield part, offset, shape, stride
            continue
        axis = max(range(len(shape)), key=lambda i: (shape[i] - 1) * stride[i])
        half = shape[axis] // 2
        lead = (slice(None),) * axis
        pending.append((part[(*lead, slice(half, None))], offset + half * stride[axis]))
        pending.append((part[(*lead, slice(None, half))], offset))


def _ranges(view: View, offset: int, size: int) -> Iterator[tuple[int, int]]:
    """Where `size` bytes at an offset of the view lie in the file."""
    if not view.parts:
        yield offset, size
        return
    start = 0
    for begin, length in view.parts:
        first, last = max(offset, start), min(offset + size, start + length)
        if first < last:
            yield begin + first - start, last - first
        start += length


def _read(source: int, name: str, offset: int, size: int) -> bytes:
    data = os.pread(source, size, offset)
    while len(data) < size:
        more = os.pread(source, size - len(data), offset + len(data))
        if not more:
            raise ConversionError(
                f"{name}: the file ends at byte {offset + len(data)}, inside a tensor",
                hint="the file is truncated or still being written; fetch it again",
            )
        data += more
    return data


def _resolve(part: np.ndarray[Any, Any], view: View) -> None:
    """Swap bytes and flip the signs that the view's lazy bits ask for, in place."""
    units = part.view(f"<u{view.dtype.unit}")
    if view.swap:
        units.byteswap(inplace=True)
    if view.negative:
        units ^= units.dtype.type(view.dtype.sign)
    if view.conjugate:
        units[1::2] ^= units.dtype.type(view.dtype.sign)
