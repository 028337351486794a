"""TensorFlow weights in HDF5 (`tf_model.h5`), renamed and laid out as PyTorch has them.

Only plain datasets that lie contiguously in this very file are taken: whatever HDF5 offers
for reaching elsewhere (external and soft links, external storage, virtual datasets) or for
hiding size (filters, unallocated space) is refused by name. libhdf5 reads the structure;
the elements are read by the same copier as every other format's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from scanner.quiet import starting_nothing
from secureload.convert.frameworks import from_tensorflow, lay_out
from secureload.convert.weights import Converter, Opened, Storage, Tensor, Weights
from secureload.errors import ConversionError

_MAGIC = b"\x89HDF\r\n\x1a\n"
_DEPTH = 64
_DATASETS = 200_000
_DTYPES = {
    "float16": "float16",
    "float32": "float32",
    "float64": "float64",
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "uint8": "uint8",
    "bool": "bool",
}
_HINT = "no library writes weights so; ask the publisher for safetensors"


def recognise(file: Opened) -> bool:
    """Whether the file is HDF5 without a user block, as Keras writes it."""
    return file.read(len(_MAGIC), 0) == _MAGIC


def read(file: Opened) -> Weights:
    """Locate every variable.

    Raises:
        ConversionError: the file is damaged, or holds what is no plain array.
    """
    with starting_nothing():
        import h5py

    try:
        # h5py opens by name; this name is the very file that is open already.
        with h5py.File(f"/proc/self/fd/{file.descriptor}", "r", locking=False) as root:
            if "model_config" in root.attrs:
                raise ConversionError(
                    f"{file.name} holds a whole Keras model, whose layers may be code",
                    hint="ask for the weights alone (`save_weights`), or for safetensors",
                )
            sharded = not any(isinstance(root.get(name), h5py.Group) and
                              "weight_names" in root[name].attrs for name in root)  # fmt: skip
            tensors = _unique(file, list(_tensors(file, root, sharded)))
    except ConversionError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, MemoryError) as error:
        raise ConversionError(
            f"{file.name} is not readable as HDF5: {error}", hint="fetch it again"
        ) from error
    if not tensors:
        raise ConversionError(f"{file.name} holds no weights", hint="is it complete?")
    _refuse_overlaps(file, tensors)
    return Weights(
        converter=CONVERTER.id,
        tensors=tuple(tensors),
        notes=("names and layouts changed from TensorFlow's to PyTorch's",),
    )


def _tensors(file: Opened, root: Any, sharded: bool) -> Iterator[Tensor]:
    for path, dataset in _datasets(file, root):
        parts = path.removesuffix(":0").split("/")
        # A whole file has a group for each layer, with the model's name below it; a shard
        # has neither, except where the layer's own name contains the model's.
        dropped = (1 if "model." in parts[0] else 0) if sharded else 2
        variable = parts[min(dropped, len(parts) - 1) :]
        yield _tensor(file, path, "/".join(variable), dataset)


def _datasets(file: Opened, root: Any) -> Iterator[tuple[str, Any]]:
    """Every dataset by its path, through hard links alone, each group once."""
    import h5py

    pending: list[tuple[str, Any, int]] = [("", root, 0)]
    seen = {h5py.h5o.get_info(root.id).addr}
    count = 0
    while pending:
        prefix, group, depth = pending.pop()
        for name in sorted(group, reverse=True):
            path = f"{prefix}{name}"
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ConversionError(f"{file.name}: {path} is a link to elsewhere", hint=_HINT)
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            count += 1
            if address in seen or depth > _DEPTH or count > _DATASETS:
                raise ConversionError(f"{file.name}: {path} is there twice", hint=_HINT)
            seen.add(address)
            if isinstance(item, h5py.Group):
                pending.append((f"{path}/", item, depth + 1))
            else:
                yield path, item


def _tensor(file: Opened, path: str, variable: str, dataset: Any) -> Tensor:
    import h5py

    where = f"{file.name}: {path}"
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
        raise ConversionError(f"{where} is no array", hint=_HINT)
    properties = dataset.id.get_create_plist()
    if properties.get_external_count() or dataset.is_virtual:
        raise ConversionError(f"{where} takes its bytes from another file", hint=_HINT)
    if properties.get_nfilters() or dataset.chunks is not None:
        raise ConversionError(f"{where} is chunked or compressed", hint=_HINT)
    dtype = _DTYPES.get(dataset.dtype.name.lower())
    if dtype is None:
        raise ConversionError(f"{where} is of type {dataset.dtype}", hint=_HINT)
    shape = tuple(int(length) for length in dataset.shape)
    size = dataset.id.get_storage_size()
    begin = dataset.id.get_offset()
    if begin is None:
        if dataset.size:
            raise ConversionError(f"{where} has no bytes in the file", hint=_HINT)
        begin = 0
    if begin + size > file.size or size != dataset.size * dataset.dtype.itemsize:
        raise ConversionError(f"{where} does not lie in the file", hint="fetch it again")
    storage = Storage(label=path, begin=begin, size=size, swap=dataset.dtype.str.startswith(">"))
    return lay_out(file.name, from_tensorflow(variable, shape), dtype, shape, storage)


def _unique(file: Opened, tensors: list[Tensor]) -> list[Tensor]:
    """Keep a variable once that several layers share; its copies must be equal."""
    kept: dict[str, Tensor] = {}
    for tensor in tensors:
        first = kept.setdefault(tensor.name, tensor)
        if first is not tensor and not _equal(file, first, tensor):
            raise ConversionError(
                f"{file.name} holds two differing weights {tensor.name!r}: "
                f"{first.storage.label} and {tensor.storage.label}",
                hint="the checkpoint is damaged or forged",
            )
    return list(kept.values())


def _equal(file: Opened, one: Tensor, other: Tensor) -> bool:
    if (one.dtype, one.shape, one.stride) != (other.dtype, other.shape, other.stride):
        return False
    step = 1 << 20
    for offset in range(0, one.storage.size, step):
        count = min(step, one.storage.size - offset)
        mine = os.pread(file.descriptor, count, one.storage.begin + offset)
        if mine != os.pread(file.descriptor, count, other.storage.begin + offset):
            return False
    return True


def _refuse_overlaps(file: Opened, tensors: list[Tensor]) -> None:
    end, last = 0, ""
    for tensor in sorted(tensors, key=lambda tensor: tensor.storage.begin):
        if tensor.storage.size and tensor.storage.begin < end:
            raise ConversionError(
                f"{file.name}: {tensor.storage.label} overlaps {last}", hint=_HINT
            )
        if tensor.storage.size:
            end, last = tensor.storage.begin + tensor.storage.size, tensor.storage.label


CONVERTER = Converter(name="tensorflow-h5", recognise=recognise, read=read)
