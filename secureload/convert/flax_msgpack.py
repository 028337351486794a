"""Flax weights in MessagePack (`flax_model.msgpack`), renamed and laid out as PyTorch has them.

The file is maps of maps whose leaves are arrays: extension type 1 (an array: shape, dtype,
bytes) or 3 (a scalar of the same form), or the map by which Flax splits arrays larger than
a gigabyte. Anything else is refused. Every length is checked against the bytes that are
there before it is believed, and no array is copied to find it.

Source: the MessagePack specification, and `flax.serialization`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from scanner.frozen import dataclass
from secureload.convert.frameworks import from_flax, lay_out
from secureload.convert.weights import Converter, Opened, Storage, Tensor, Weights
from secureload.errors import ConversionError

_T = TypeVar("_T")
_ARRAY, _SCALAR = 1, 3
_CHUNKED = "__msgpack_chunked_array__"
_DEPTH = 64
_LEAVES = 200_000
_KEY_BYTES = 1_000
_RANK = 32
_TREES = frozenset({"params", "batch_stats"})
_DTYPES = {
    **{name: name for name in ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16")},
    **{name: name for name in ("uint32", "uint64", "float16", "bfloat16", "float32", "float64")},
    "complex64": "complex64",
}
_SIZES = {"bool": 1, "bfloat16": 2, "complex64": 8}
_HINT = "no Flax model is stored so; fetch it again, or ask the publisher for safetensors"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Array:
    """An array in the file: its bytes lie in these ranges (begin, size), in order."""

    dtype: str
    shape: tuple[int, ...]
    parts: tuple[tuple[int, int], ...]


class _Cursor:
    """Reads MessagePack headers; `at` is the offset of the next byte, `end` of the last."""

    def __init__(self, file: Opened, at: int, end: int) -> None:
        self.file = file
        self.at = at
        self.end = end

    def take(self, count: int) -> bytes:
        if count > self.end - self.at:
            raise self.wrong("ends in the middle")
        data = self.file.read(count, self.at)
        if len(data) != count:
            raise self.wrong("ends in the middle")
        self.at += count
        return data

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "big")

    def wrong(self, what: str) -> ConversionError:
        return ConversionError(f"{self.file.name}: byte {self.at}: {what}", hint=_HINT)

    def map_length(self) -> int | None:
        """The number of pairs when a map follows; None, and nothing read, when not."""
        return self._length(0x80, 0x8F, {0xDE: 2, 0xDF: 4})

    def array_length(self) -> int:
        length = self._length(0x90, 0x9F, {0xDC: 2, 0xDD: 4})
        if length is None:
            raise self.wrong("a list was expected")
        return length

    def _length(self, low: int, high: int, wide: dict[int, int]) -> int | None:
        mark = self.take(1)[0]
        if low <= mark <= high:
            return mark - low
        if mark in wide:
            return self.number(wide[mark])
        self.at -= 1
        return None

    def text(self) -> str:
        mark = self.take(1)[0]
        if 0xA0 <= mark <= 0xBF:
            length = mark - 0xA0
        elif mark in {0xD9, 0xDA, 0xDB}:
            length = self.number(1 << (mark - 0xD9))
        else:
            raise self.wrong("a name was expected")
        if length > _KEY_BYTES:
            raise self.wrong(f"a name of {length} bytes")
        try:
            return self.take(length).decode("utf-8")
        except UnicodeDecodeError:
            raise self.wrong("a name that is no UTF-8") from None

    def count(self) -> int:
        """A non-negative integer."""
        mark = self.take(1)[0]
        if mark <= 0x7F:
            return mark
        if 0xCC <= mark <= 0xCF:
            return self.number(1 << (mark - 0xCC))
        if 0xD0 <= mark <= 0xD3:
            width = 1 << (mark - 0xD0)
            value = self.number(width)
            if value < 1 << (8 * width - 1):
                return value
        raise self.wrong("a non-negative number was expected")

    def binary(self) -> tuple[int, int]:
        """Offset and length of the bytes that follow, which are passed over."""
        mark = self.take(1)[0]
        if not 0xC4 <= mark <= 0xC6:
            raise self.wrong("bytes were expected")
        length = self.number(1 << (mark - 0xC4))
        return self._over(length), length

    def extension(self) -> tuple[int, int, int]:
        """Type, offset and length of the extension that follows, which is passed over."""
        mark = self.take(1)[0]
        if 0xC7 <= mark <= 0xC9:
            length = self.number(1 << (mark - 0xC7))
        elif 0xD4 <= mark <= 0xD8:
            length = 1 << (mark - 0xD4)
        else:
            raise self.wrong(f"neither a map nor an array (0x{mark:02x})")
        kind = self.take(1)[0]
        return kind, self._over(length), length

    def _over(self, length: int) -> int:
        begin = self.at
        if length > self.end - begin:
            raise self.wrong(f"{length} bytes are declared, {self.end - begin} are there")
        self.at += length
        return begin


def recognise(file: Opened) -> bool:
    """Whether the file is a MessagePack map of names to maps or arrays."""
    cursor = _Cursor(file, 0, file.size)
    try:
        pairs = cursor.map_length()
        if not pairs:
            return False
        cursor.text()
        return cursor.take(1)[0] in {*range(0x80, 0x90), *range(0xC7, 0xCA), 0xDE, 0xDF}
    except ConversionError:
        return False


def read(file: Opened) -> Weights:
    """Locate every array.

    Raises:
        ConversionError: the file is damaged, or holds what is no array.
    """
    cursor = _Cursor(file, 0, file.size)
    tensors = [_tensor(file, path, array) for path, array in _leaves(cursor)]
    if cursor.at != file.size:
        raise cursor.wrong("bytes follow the end of the weights")
    if not tensors:
        raise cursor.wrong("there are no weights")
    names: set[str] = set()
    for tensor in tensors:
        if tensor.name in names:
            raise ConversionError(f"{file.name} holds {tensor.name!r} twice", hint=_HINT)
        names.add(tensor.name)
    return Weights(
        converter=CONVERTER.id,
        tensors=tuple(tensors),
        notes=("names and layouts changed from Flax's to PyTorch's",),
    )


def _leaves(cursor: _Cursor) -> Iterator[tuple[tuple[str, ...], _Array]]:
    """Every array by its path, without recursion."""
    pairs = cursor.map_length()
    if pairs is None:
        raise cursor.wrong("a map was expected")
    open_maps: list[tuple[int, set[str]]] = [(pairs, set())]
    path: list[str] = []
    leaves = 0
    while open_maps:
        left, seen = open_maps[-1]
        if not left:
            open_maps.pop()
            if path:
                path.pop()
            continue
        open_maps[-1] = (left - 1, seen)
        key = cursor.text()
        if key in seen:
            raise cursor.wrong(f"the name {key!r} twice")
        seen.add(key)
        inner = cursor.map_length()
        leaves += 1
        if leaves > _LEAVES or len(open_maps) > _DEPTH:
            raise cursor.wrong("more maps and arrays than any model has")
        if inner is None:
            yield (*path, key), _array(cursor)
        elif _is_chunked(cursor, inner):
            yield (*path, key), _chunked(cursor)
        else:
            open_maps.append((inner, set()))
            path.append(key)


def _array(cursor: _Cursor) -> _Array:
    kind, begin, length = cursor.extension()
    if kind not in {_ARRAY, _SCALAR}:
        raise cursor.wrong(f"extension type {kind} is no array")
    inner = _Cursor(cursor.file, begin, begin + length)
    if inner.array_length() != 3:
        raise inner.wrong("an array is shape, type and bytes")
    rank = inner.array_length()
    if rank > _RANK:
        raise inner.wrong(f"an array of {rank} dimensions")
    shape = tuple(inner.count() for _ in range(rank))
    dtype = inner.text()
    if dtype not in _DTYPES:
        raise inner.wrong(f"an array of type {dtype!r}")
    at, size = inner.binary()
    if inner.at != inner.end or size != _product(shape) * _width(dtype):
        raise inner.wrong(f"{size} bytes for an array of shape {shape} and type {dtype}")
    return _Array(dtype=dtype, shape=shape, parts=((at, size),))


def _is_chunked(cursor: _Cursor, pairs: int) -> bool:
    start = cursor.at
    try:
        return pairs == 3 and cursor.text() == _CHUNKED
    finally:
        cursor.at = start


def _chunked(cursor: _Cursor) -> _Array:
    """An array in pieces, each a flat array of its own."""
    cursor.text()
    if cursor.take(1) != b"\xc3":
        raise cursor.wrong("a chunked array without its mark")
    shape: tuple[int, ...] = ()
    chunks: list[_Array] = []
    for _ in range(2):
        name = cursor.text()
        if name == "shape":
            shape = tuple(_numbered(cursor, cursor.count))
        elif name == "chunks":
            chunks = list(_numbered(cursor, lambda: _array(cursor)))
        else:
            raise cursor.wrong(f"a chunked array with {name!r}")
    total = sum(_product(chunk.shape) for chunk in chunks)
    if not chunks or total != _product(shape) or len({chunk.dtype for chunk in chunks}) > 1:
        raise cursor.wrong("the chunks of an array do not make it up")
    parts = tuple(part for chunk in chunks for part in chunk.parts)
    return _Array(dtype=chunks[0].dtype, shape=shape, parts=parts)


def _numbered(cursor: _Cursor, item: Callable[[], _T]) -> Iterator[_T]:
    """The items of a list as Flax stores it: a map from `"0"`, `"1"` and so on."""
    pairs = cursor.map_length()
    if pairs is None or pairs > _LEAVES:
        raise cursor.wrong("a numbered list was expected")
    for number in range(pairs):
        if cursor.text() != str(number):
            raise cursor.wrong(f"item {number} of a list is missing")
        yield item()


def _tensor(file: Opened, path: tuple[str, ...], array: _Array) -> Tensor:
    below = path[1:] if path[0] in _TREES and len(path) > 1 else path
    storage = Storage(
        label="/".join(path),
        begin=0 if len(array.parts) > 1 else array.parts[0][0],
        size=sum(size for _, size in array.parts),
        parts=array.parts if len(array.parts) > 1 else (),
    )
    renamed = from_flax(below, array.shape)
    return lay_out(file.name, renamed, _DTYPES[array.dtype], array.shape, storage)


def _width(dtype: str) -> int:
    return _SIZES.get(dtype) or int("".join(filter(str.isdigit, dtype))) // 8


def _product(shape: tuple[int, ...]) -> int:
    total = 1
    for length in shape:
        total *= length
    return total


CONVERTER = Converter(name="flax-msgpack", recognise=recognise, read=read)
