"""HDF5, as Keras writes weights and models: links, storage and filters that lead elsewhere.

h5py reads the structure; no link is followed. Data is read where chunks or filters keep it
from lying in the file as it is, to look for pickles, and so is text in a large file. A file names
other files through external links, external storage and virtual datasets; a filter outside
the library loads a plug-in. A model's configuration may hold code.

Source: the HDF5 file format specification, version 3.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from scanner.facts import Fact, MemberFact, ProblemFact
from scanner.findings import Where
from scanner.formats import Format, Read
from scanner.formats._heaps import damaged
from scanner.formats._json import DuplicateKeyError, TooDeepError, load_json
from scanner.formats._keras import code_in
from scanner.formats._view import View
from scanner.formats.hidden_pickle import LARGEST, hidden
from scanner.quiet import starting_nothing
from scanner.reader import Blob, UnpackError, collect

_MAGIC = b"\x89HDF\r\n\x1a\n"
_FILTERS = frozenset({1, 2, 3, 32000})
"""deflate, shuffle, fletcher32, which every build of the library has; lzf, which h5py has."""
_CONFIGS = ("model_config", "training_config")
_MOST = 200_000
_SLAB = 4 << 20
"""Bytes of a dataset that are read at once, where its chunks allow it."""
_ROWS = 1_000
"""Rows of strings that are read at once."""
_OPAQUE = "SVO"
"""Kinds of numpy's for strings and opaque bytes; with bytes, what may hold another file."""


def recognise(blob: Blob) -> bool:
    """Whether the signature lies at byte 0, 512, 1024 or a further doubling."""
    return any(bytes(blob.data[at : at + 8]) == _MAGIC for at in _places(blob))


def _places(blob: Blob) -> Iterator[int]:
    """Where a superblock may begin."""
    at = 0
    while at + 8 <= len(blob.data) and at <= 1 << 30:
        yield at
        at = at * 2 if at else 512


def read(blob: Blob) -> Read:
    """Yield what leads out of the file and what would run."""
    with starting_nothing():
        import h5py

    if blob.head(8) != _MAGIC:
        yield blob.problem("prepended-data", "a user block lies before the HDF5 signature")
    base = next(at for at in _places(blob) if bytes(blob.data[at : at + 8]) == _MAGIC)
    if (place := damaged(blob.data, base)) is not None:
        yield blob.problem("malformed", "its heap is damaged", offset=place, fatal=True)
        return
    facts: list[Fact | Blob] = []
    try:
        with h5py.File(View(blob.data), "r") as file:
            _walk(blob, file, facts)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        facts.append(blob.problem("malformed", f"no valid HDF5: {str(error)[:200]}", fatal=True))
    yield from facts


def _walk(blob: Blob, file: Any, facts: list[Fact | Blob]) -> None:
    import h5py

    seen: set[bytes] = set()
    declared = 0
    pending: list[tuple[str, Any]] = [("", file)]
    while pending:
        path, group = pending.pop()
        _attributes(blob, path, group, facts)
        for name in group:
            if len(seen) > _MOST:
                facts.append(blob.problem("limit-reached", "too many objects", fatal=True))
                return
            where = f"{path}/{name}"
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                facts.append(_link(blob, where, "external-link", f"{link.filename}:{link.path}"))
                continue
            if isinstance(link, h5py.SoftLink):
                facts.append(_link(blob, where, "symlink", link.path))
                continue
            item = group[name]
            token = bytes(repr(h5py.h5o.get_info(item.id).addr), "ascii")
            if token in seen:
                facts.append(_say(blob, where, "shared-object", "reached by two hard links"))
                continue
            seen.add(token)
            if isinstance(item, h5py.Group):
                pending.append((where, item))
            elif isinstance(item, h5py.Dataset):
                declared += _dataset(blob, where, item, facts)
    if declared > max(len(blob.data) * 2, 1 << 20):
        facts.append(_say(blob, "", "expands", "datasets declare far more than the file holds"))


def _dataset(blob: Blob, where: str, item: Any, facts: list[Fact | Blob]) -> int:
    import h5py

    _attributes(blob, where, item, facts)
    plist = item.id.get_create_plist()
    if plist.get_external_count():
        name = plist.get_external(0)[0]
        text = name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else str(name)
        facts.append(_link(blob, where, "external-storage", text))
    if plist.get_layout() == h5py.h5d.VIRTUAL:
        facts.append(_link(blob, where, "virtual-dataset", "other datasets"))
    codes = [plist.get_filter(number)[0] for number in range(plist.get_nfilters())]
    for code in codes:
        if code not in _FILTERS:
            facts.append(_say(blob, where, "foreign-filter", f"needs the filter plug-in {code}"))
    facts.extend(_held(blob, where, item, codes))
    return int(item.size or 0) * int(item.dtype.itemsize)


def _held(blob: Blob, where: str, item: Any, codes: list[int]) -> Iterator[Fact | Blob]:
    """Yield what hides in a dataset that the look at the whole file does not read.

    That look takes the numbers of a small file as they lie; it neither unpacks chunks nor
    reads a large file. Numbers wider than a byte are weights there, and no text.
    """
    import h5py

    from scanner.formats import _strings

    small = len(blob.data) <= LARGEST
    chunked = item.id.get_create_plist().get_layout() == h5py.h5d.CHUNKED
    bytewise = item.dtype.itemsize == 1 or item.dtype.kind in _OPAQUE
    if item.shape is None or not item.size or not _FILTERS.issuperset(codes):
        return
    if item.dtype.hasobject:
        # What strings of varying length say lies in the file as it is.
        for number, value in enumerate(() if small else _values(item)):
            yield from _strings.held(blob, f"{where}[{number}]", value)
        return
    if not chunked and (small or not bytewise):
        return
    stored = int(item.id.get_storage_size())
    if not stored:
        return
    try:
        raw = collect(_pieces(blob, item), blob.budget, stored)
    except UnpackError as error:
        yield _say(blob, where, error.kind, f"not read to its end: {error.message}")
        return
    if bytewise:
        yield from _strings.held(blob, where, bytes(raw))
    yield from hidden(blob.inner(raw, where, hint="raw"), whole=True)


def _pieces(blob: Blob, item: Any) -> Iterator[bytes]:
    """The bytes of a dataset in the order of its elements, some rows at a time.

    A slab is as high as the chunks, so that each of them is unpacked once.

    Raises:
        UnpackError: a row of chunks is larger than what is held at once.
    """
    rows = item.shape[0] if item.shape else 1
    row = item.size // rows * item.dtype.itemsize
    high = item.chunks[0] if item.chunks else max(1, _SLAB // row)
    if min(high, rows) * row > blob.limits.slab_bytes:
        raise UnpackError("limit-reached", "its chunks are larger than the limit")
    step = high * max(1, _SLAB // (high * row))
    for start in range(0, rows, step):
        yield (item[start : start + step] if item.shape else item[()]).tobytes()


def _values(item: Any) -> Iterator[bytes]:
    """Strings and bytes of varying length, in order; what else lies between them is no text."""
    for start in range(0, item.shape[0] if item.shape else 1, _ROWS):
        yield from _texts(item[start : start + _ROWS] if item.shape else item[()])


def _texts(value: Any) -> Iterator[bytes]:
    """The bytes of a string, of an array, and of what an array of objects holds."""
    if isinstance(value, str):
        yield value.encode("utf-8", "surrogateescape")
    elif isinstance(value, bytes):
        yield value
    elif hasattr(value, "tobytes") and not value.dtype.hasobject:
        yield value.tobytes()
    elif hasattr(value, "ravel"):
        for one in value.ravel():
            yield from _texts(one)


def _attributes(blob: Blob, where: str, item: Any, facts: list[Fact | Blob]) -> None:
    from scanner.formats import _strings

    for name in item.attrs:
        if name in _CONFIGS:
            continue
        for raw in _texts(item.attrs[name]):
            if len(raw) > 8:
                facts.extend(_strings.held(blob, f"{where}@{name}", raw))
    for name in _CONFIGS:
        if name not in item.attrs:
            continue
        value = item.attrs[name]
        text = value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
        inner = Blob(
            data=memoryview(text), name=name, path=blob.path, limits=blob.limits,
            budget=blob.budget, member=f"{where}@{name}", depth=blob.depth,
        )  # fmt: skip
        try:
            facts.extend(code_in(inner, load_json(text, blob.limits)))
        except (ValueError, json.JSONDecodeError, TooDeepError, DuplicateKeyError, RecursionError):
            facts.append(_say(blob, f"{where}@{name}", "malformed", "no valid JSON", fatal=True))


def _say(blob: Blob, where: str, kind: str, message: str, *, fatal: bool = False) -> ProblemFact:
    place = Where(member=where or blob.member)
    return ProblemFact(where=place, kind=kind, message=message, fatal=fatal)


def _link(blob: Blob, where: str, kind: str, target: str) -> MemberFact:
    return MemberFact(
        where=Where(member=where), name=where, kind=kind, size=0, compressed_size=0, target=target
    )


FORMAT = Format(name="hdf5", recognise=recognise, read=read)
