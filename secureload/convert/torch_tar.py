"""Torch's tar files (before 0.1.10, 2017): members `storages`, `tensors` and `pickle`.

`storages` is a count, then for each storage a pickle (key, location, type), a 64-bit count
of elements and the bytes; last a pickle that lists views of storages. `tensors` is a count,
then for each tensor a pickle (key, storage, type), the number of dimensions in eight bytes,
sizes, strides and the offset. `pickle` is the state, whose persistent ids are tensors' keys.
"""

from __future__ import annotations

import mmap
import os
import struct
from typing import Any

from scanner.facts import TensorFact
from scanner.findings import Where
from scanner.pickles.machine import interpret
from scanner.pickles.rebuilt import ITEM_BYTES, STORAGE_DTYPES
from scanner.pickles.tensors import Opaque, read_state
from scanner.pickles.values import Global, ListValue, Persistent
from secureload.convert.state import name_state
from secureload.convert.torch_pickle import accept, checkpoints, make_tensors
from secureload.convert.weights import Converter, Opened, Storage, Weights
from secureload.errors import ConversionError

_MEMBERS = ("storages", "tensors", "pickle")
_MOST_DIMENSIONS = 64
_DAMAGED = "the file is damaged or forged; fetch it again"


def recognise(file: Opened) -> bool:
    """Whether this is a tar file with the three members of old torch files."""
    if file.read(5, 257) != b"ustar" and not file.read(9, 0).startswith((b"sys_info", b"pickle")):
        return False
    try:
        return _members(file).keys() >= set(_MEMBERS)
    except ConversionError:
        return False


def read(file: Opened) -> Weights:
    """Find the tensors; see `Converter`."""
    members = _members(file)
    with file.mapped() as data:
        return _Reading(file, data, members).read()


def _members(file: Opened) -> dict[str, tuple[int, int]]:
    """Where each member's bytes begin and end."""
    import tarfile  # slow to import, and files of 2017 are rare

    found: dict[str, tuple[int, int]] = {}
    try:
        with os.fdopen(os.dup(file.descriptor), "rb") as stream:
            stream.seek(0)
            tar = tarfile.open(fileobj=stream, mode="r:")  # noqa: SIM115  it owns nothing
            for member in tar:
                if not member.isreg() or member.issparse():
                    continue
                if member.name in found:
                    raise ConversionError(f"{file.name}: two members {member.name}", hint=_DAMAGED)
                found[member.name] = (member.offset_data, member.offset_data + member.size)
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise ConversionError(f"{file.name}: {error}", hint=_DAMAGED) from None
    if any(end > file.size for _, end in found.values()):
        raise ConversionError(f"{file.name}: a member ends after the file", hint=_DAMAGED)
    return found


class _Reading:
    """One pass over one file."""

    def __init__(self, file: Opened, data: mmap.mmap, members: dict[str, tuple[int, int]]) -> None:
        self.file = file
        self.data = data
        self.members = members
        self.storages: dict[str, tuple[Storage, int | None]] = {}
        self.dtypes: dict[str, str] = {}
        self.tensors: dict[str, TensorFact] = {}

    def read(self) -> Weights:
        self.read_storages()
        self.read_tensors()
        state, _ = self.pickle("pickle", self.members["pickle"][0])
        named = name_state(self.file.name, read_state(state, member="pickle"), stands_for=self.find)
        return Weights(
            converter=CONVERTER.id,
            tensors=make_tensors(self.file, named.tensors, lambda key: self.storages[key]),
            values=named.values,
            notes=(*named.notes, "the file has no checksums, so damage to it would not show"),
        )

    def find(self, item: Opaque) -> TensorFact | None:
        """The tensor that a persistent id names."""
        if not isinstance(item.value, Persistent):
            return None
        return self.tensors.get(str(item.value.pid))

    def pickle(self, member: str, at: int) -> tuple[Any, int]:
        """Interpret one pickle at `at`; return its value and where it ends."""
        read = interpret(
            self.data,
            start=at,
            end=self.members[member][1],
            origin=self.members[member][0],
            member=member,
            pickles=1,
            persistent_ids="torch-tar",
            allowlist=checkpoints(),
        )
        accept(self.file, read)
        if len(read.values) != 1:
            raise self.damaged(member, "a pickle is cut off")
        return read.values[0], read.ends[0]

    def count(self, member: str, at: int) -> tuple[int, int]:
        value, at = self.pickle(member, at)
        if type(value) is not int or value < 0:
            raise self.damaged(member, "no count where one should be")
        return value, at

    def damaged(self, member: str, what: str) -> ConversionError:
        return ConversionError(f"{self.file.name}: {member}: {what}", hint=_DAMAGED)

    def unpack(self, member: str, form: str, at: int) -> tuple[tuple[int, ...], int]:
        end = at + struct.calcsize(form)
        if end > self.members[member][1]:
            raise self.damaged(member, "cut off")
        return struct.unpack(form, self.data[at:end]), end

    def read_storages(self) -> None:
        name = "storages"
        total, at = self.count(name, self.members[name][0])
        for _ in range(total):
            entry, at = self.pickle(name, at)
            if not isinstance(entry, tuple) or len(entry) != 3 or not isinstance(entry[2], Global):
                raise self.damaged(name, "an entry is not (key, location, type)")
            key, dtype = str(entry[0]), STORAGE_DTYPES.get(entry[2].name, "")
            if key in self.storages or not dtype:
                raise self.damaged(name, f"storage {key} is there twice or of no known type")
            (count,), at = self.unpack(name, "<q", at)
            size = count * ITEM_BYTES[dtype]
            if count < 0 or at + size > self.members[name][1]:
                raise self.damaged(name, f"storage {key} is cut off")
            self.storages[key] = Storage(label=f"storage {key}", begin=at, size=size), count
            self.dtypes[key] = dtype
            at += size
        views, _ = self.pickle(name, at)
        if not isinstance(views, (ListValue, tuple)):
            raise self.damaged(name, "no list of views")
        for view in views:
            self.read_view(view)

    def read_view(self, view: Any) -> None:
        if not isinstance(view, tuple) or len(view) != 4:
            raise self.damaged("storages", "a view is not (key, root, offset, length)")
        key, root, offset, length = str(view[0]), str(view[1]), view[2], view[3]
        if root not in self.storages or key in self.storages:
            raise self.damaged("storages", f"view {key} of storage {root} cannot be")
        whole, count = self.storages[root]
        if type(offset) is not int or type(length) is not int or min(offset, length) < 0:
            raise self.damaged("storages", f"view {key} has no place")
        if count is None or offset + length > count:
            raise self.damaged("storages", f"view {key} leaves storage {root}")
        width = ITEM_BYTES[self.dtypes[root]]
        part = Storage(label=whole.label, begin=whole.begin + offset * width, size=length * width)
        self.storages[key] = part, length
        self.dtypes[key] = self.dtypes[root]

    def read_tensors(self) -> None:
        name = "tensors"
        total, at = self.count(name, self.members[name][0])
        for _ in range(total):
            entry, at = self.pickle(name, at)
            if not isinstance(entry, tuple) or len(entry) != 3:
                raise self.damaged(name, "an entry is not (key, storage, type)")
            key, storage = str(entry[0]), str(entry[1])
            if key in self.tensors or storage not in self.storages:
                raise self.damaged(name, f"tensor {key} is there twice or has no storage")
            (dimensions, _), at = self.unpack(name, "<ii", at)
            if not 0 <= dimensions <= _MOST_DIMENSIONS:
                raise self.damaged(name, f"tensor {key} has {dimensions} dimensions")
            shape, at = self.unpack(name, f"<{dimensions}q", at)
            stride, at = self.unpack(name, f"<{dimensions}q", at)
            (offset,), at = self.unpack(name, "<q", at)
            self.tensors[key] = TensorFact(
                where=Where(member=name, offset=at - self.members[name][0]),
                name=(),
                dtype=self.dtypes[storage],
                shape=shape,
                stride=stride,
                storage=storage,
                storage_dtype=self.dtypes[storage],
                storage_offset=offset,
                storage_elements=self.storages[storage][1] or 0,
            )


CONVERTER = Converter(name="torch-tar", recognise=recognise, read=read)
