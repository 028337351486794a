"""Torch's zip files (1.6 and later): `data.pkl`, and one stored member for each storage."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from functools import cache

from scanner.pickles.machine import interpret
from scanner.pickles.tensors import read_state
from scanner.zip_ends import looks_like_zip
from scanner.zip_parts import LOCAL, STORED, Directory, Member
from scanner.zips import read_directory
from secureload.convert.copy import Record
from secureload.convert.state import name_state
from secureload.convert.torch_pickle import accept, checkpoints, make_tensors, unused_note
from secureload.convert.weights import Converter, Opened, Storage, Tensor, Weights
from secureload.errors import ConversionError

_PICKLE = "data.pkl"
_FIRST = 512
_DAMAGED = "the file is damaged or forged; fetch it again"


def recognise(file: Opened) -> bool:
    """Whether this is a zip file with a `data.pkl` one level down."""
    head = file.read(_FIRST, 0)
    if head[:2] != b"PK":
        return False
    if _begins_with_pickle(head):
        return True
    with file.mapped() as data:
        return looks_like_zip(data) and bool(_pickles(read_directory(data)))


def _begins_with_pickle(head: bytes) -> bool:
    """Whether the first member is the pickle, as torch writes it; `read` looks at all of them."""
    name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    return head[:4] == LOCAL and name.count(b"/") == 1 and name.endswith(f"/{_PICKLE}".encode())


def read(file: Opened) -> Weights:
    """Find the tensors; see `Converter`."""
    with file.mapped() as data:
        return _read(file, data)


def _read(file: Opened, data: mmap.mmap) -> Weights:
    directory = read_directory(data)
    for problem in directory.problems:
        where = f"{file.name}: {problem.member}" if problem.member else file.name
        raise ConversionError(f"{where}: {problem.message}", hint=_DAMAGED)
    pickles = _pickles(directory)
    if len(pickles) != 1:
        raise ConversionError(f"{file.name}: {len(pickles)} members are `data.pkl`", hint=_DAMAGED)
    pickle = pickles[0]
    prefix = pickle.name.removesuffix(_PICKLE)
    members = {m.name.removeprefix(prefix): m for m in directory.members if m.name != prefix}
    programs = ("constants.pkl", "bytecode.pkl")
    if any(name.lower() in programs or name.lower().startswith("code/") for name in members):
        raise ConversionError(
            f"{file.name} is a TorchScript program, not a checkpoint",
            hint="its weights cannot be told from its code; ask for a state dict",
        )
    for member in members.values():
        if member.method != STORED and member.size:
            raise ConversionError(
                f"{file.name}: {member.name} is compressed",
                hint="torch.save never compresses; unpack and store it, or save it again",
            )
    begin = pickle.data_offset
    interpreted = interpret(
        data,
        start=begin,
        end=begin + pickle.size,
        origin=begin,
        member=pickle.name,
        pickles=1,
        persistent_ids="torch",
        allowlist=checkpoints(),
    )
    accept(file, interpreted)
    if len(interpreted.values) != 1:
        raise ConversionError(f"{file.name}: {pickle.name} is not one pickle", hint=_DAMAGED)
    state = read_state(interpreted.values[0], member=pickle.name, origin=begin)
    named = name_state(file.name, state)
    swap = _is_big_endian(file, data, members.get("byteorder"))

    @cache
    def find(key: str) -> tuple[Storage, int | None]:
        member = members.get(f"data/{key}")
        if member is None:
            raise ConversionError(
                f"{file.name}: no member {prefix}data/{key}, which a tensor views", hint=_DAMAGED
            )
        return (
            Storage(label=member.name, begin=member.data_offset, size=member.size, swap=swap),
            None,
        )

    tensors = make_tensors(file, named.tensors, find)
    unchecked = [m.name for m in members.values() if m.size and not m.crc]
    notes = [*named.notes]
    if unchecked:
        notes.append(f"{len(unchecked)} members have no CRC, so damage to them would not show")
    stored = (m.name for name, m in members.items() if name.startswith("data/"))
    return Weights(
        converter=CONVERTER.id,
        tensors=tensors,
        records=tuple(
            Record(label=label, begin=m.data_offset, end=m.data_offset + m.size, crc=m.crc)
            for label, m in _with_labels(members.values(), tensors)
            if m.crc
        ),
        values=named.values,
        notes=(*notes, *unused_note(stored, tensors)),
    )


def _with_labels(
    members: Iterable[Member], tensors: Iterable[Tensor]
) -> Iterator[tuple[str, Member]]:
    """Each member with what messages call it: its name, and a tensor that it holds."""
    held: dict[str, list[str]] = {}
    for tensor in tensors:
        held.setdefault(tensor.storage.label, []).append(tensor.name)
    for member in members:
        names = held.get(member.name, [])
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield f"{member.name} (tensor {names[0]!r}{more})" if names else member.name, member


def _pickles(directory: Directory) -> list[Member]:
    return [
        member
        for member in directory.members
        if member.name.count("/") == 1 and member.name.endswith(f"/{_PICKLE}")
    ]


def _is_big_endian(file: Opened, data: mmap.mmap, member: Member | None) -> bool:
    """What the `byteorder` member says; files without one are little-endian, as torch has it."""
    if member is None:
        return False
    order = data[member.data_offset : member.data_offset + min(member.size, 16)]
    if order not in (b"little", b"big"):
        raise ConversionError(f"{file.name}: unknown byte order {order!r}", hint=_DAMAGED)
    return order == b"big"


CONVERTER = Converter(name="torch-zip", recognise=recognise, read=read)
