"""Torch checkpoints in every container, written by torch itself or byte by byte."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch


def save(value: Any, path: Path, *, container: str = "zip") -> Path:
    """Write `value` with torch.save, as `zip` or `legacy`."""
    torch.save(value, path, _use_new_zipfile_serialization=container == "zip")
    return path


def rewrite(path: Path, edit: Callable[[str, bytes], bytes | None]) -> Path:
    """Write a torch zip again, each member passed through `edit`; None drops the member.

    `edit` gets the name below the archive's folder. CRCs are those of the new bytes.
    """
    with zipfile.ZipFile(path) as old:
        members = [(info.filename, old.read(info)) for info in old.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as new:
        for name, data in members:
            edited = edit(name.partition("/")[2], data)
            if edited is not None:
                new.writestr(zipfile.ZipInfo(name), edited)
    return path


def member_offset(path: Path, name: str) -> tuple[int, int]:
    """Where a stored member's bytes begin in the file, and how many there are."""
    with zipfile.ZipFile(path) as archive:
        info = next(i for i in archive.infolist() if i.filename.partition("/")[2] == name)
    with path.open("rb") as file:
        file.seek(info.header_offset + 26)
        name_length, extra_length = struct.unpack("<HH", file.read(4))
    return info.header_offset + 30 + name_length + extra_length, info.file_size


def flip(path: Path, offset: int) -> Path:
    """Flip one bit of a file."""
    data = bytearray(path.read_bytes())
    data[offset] ^= 0x10
    path.write_bytes(data)
    return path


class _OldPickler(pickle.Pickler):
    """Writes tensors as the numbers that old files know them by."""

    def __init__(self, file: io.BytesIO, keys: Mapping[int, int]) -> None:
        super().__init__(file, protocol=2)
        self.keys = keys

    def persistent_id(self, obj: Any) -> Any:
        return self.keys.get(id(obj))


def save_tar(state: Mapping[str, torch.Tensor], path: Path) -> Path:
    """Write the tar format of torch before 0.1.10; every tensor has a storage of its own
    unless it shares one with an earlier tensor."""
    storages: dict[int, int] = {}
    storage_file, tensor_file, state_file = io.BytesIO(), io.BytesIO(), io.BytesIO()
    typed = {}
    for tensor in state.values():
        pointer = tensor.untyped_storage().data_ptr()
        if pointer not in storages:
            storages[pointer] = len(storages) + 100
            typed[pointer] = tensor
    pickle.dump(len(storages), storage_file, protocol=2)
    for pointer, key in storages.items():
        storage = typed[pointer].untyped_storage()
        name = {
            torch.float32: torch.FloatStorage,
            torch.int64: torch.LongStorage,
            torch.uint8: torch.ByteStorage,
            torch.float64: torch.DoubleStorage,
        }[typed[pointer].dtype]
        pickle.dump((key, "cpu", name), storage_file, protocol=2)
        size = typed[pointer].element_size()
        storage_file.write(struct.pack("<q", storage.nbytes() // size))
        storage_file.write(bytes(storage.tolist()))
    pickle.dump([], storage_file, protocol=2)
    keys = {}
    pickle.dump(len(state), tensor_file, protocol=2)
    for number, tensor in enumerate(state.values()):
        keys[id(tensor)] = number + 1
        key = storages[tensor.untyped_storage().data_ptr()]
        pickle.dump((number + 1, key, torch.Tensor), tensor_file, protocol=2)
        dimensions = tensor.dim()
        tensor_file.write(struct.pack("<ii", dimensions, 0))
        tensor_file.write(struct.pack(f"<{dimensions}q", *tensor.shape))
        tensor_file.write(struct.pack(f"<{dimensions}q", *tensor.stride()))
        tensor_file.write(struct.pack("<q", tensor.storage_offset()))
    _OldPickler(state_file, keys).dump(dict(state))
    with tarfile.open(path, "w:", format=tarfile.PAX_FORMAT) as tar:
        for name, content in (
            ("storages", storage_file),
            ("tensors", tensor_file),
            ("pickle", state_file),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(content.getvalue())
            content.seek(0)
            tar.addfile(info, content)
    return path


def flatten(value: Any, prefix: str = "") -> dict[str, torch.Tensor]:
    """Name the tensors in nested containers by dotted paths."""
    if isinstance(value, torch.Tensor):
        return {prefix or "value": value}
    pairs = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, (list, tuple))
        else ()
    )
    found: dict[str, torch.Tensor] = {}
    for key, part in pairs:
        name = key if isinstance(key, str) else repr(key)
        found.update(flatten(part, f"{prefix}.{name}" if prefix else name))
    return found


def raw(tensor: torch.Tensor) -> tuple[torch.dtype, tuple[int, ...], bytes]:
    """What a tensor is, to the bit."""
    plain = torch.empty(tensor.numel(), dtype=tensor.dtype)
    plain.copy_(tensor.detach().resolve_conj().resolve_neg().reshape(-1))
    return tensor.dtype, tuple(tensor.shape), bytes(plain.view(torch.uint8).tolist())
