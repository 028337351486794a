"""Safetensors in TensorFlow's or Flax's names and layout, as their metadata's `format` says."""

from __future__ import annotations

from secureload.convert.frameworks import from_flax, from_tensorflow, lay_out
from secureload.convert.safetensors import FOREIGN
from secureload.convert.safetensors import recognise as recognise_safetensors
from secureload.convert.weights import Converter, Opened, Storage, Weights
from secureload.convert.writer import read_layout
from secureload.errors import ConversionError

_DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
}


def recognise(file: Opened) -> bool:
    """Whether the header names another framework than PyTorch."""
    if not recognise_safetensors(file):
        return False
    try:
        return read_layout(file.descriptor, file.name).metadata.get("format") in FOREIGN
    except ConversionError:
        return False  # a damaged file is told by whoever reads it


def read(file: Opened) -> Weights:
    """Locate every tensor under PyTorch's name.

    Raises:
        ConversionError: the file is damaged, or a dtype has no counterpart.
    """
    layout = read_layout(file.descriptor, file.name)
    framework = layout.metadata["format"]
    tensors = []
    for slot in layout.slots:
        if slot.dtype not in _DTYPES:
            raise ConversionError(
                f"{file.name}: tensor {slot.name!r} has the dtype {slot.dtype}",
                hint="ask the publisher for PyTorch weights",
            )
        if framework == "tf":
            variable = slot.name.removesuffix(":0")
            # The model's name is gone, except before a layer that contains it.
            if "model." in variable.partition("/")[0]:
                variable = variable.partition("/")[2]
            renamed = from_tensorflow(variable, slot.shape)
        else:
            parts = slot.name.split(".")
            below = parts[1:] if parts[0] in {"params", "batch_stats"} else parts
            renamed = from_flax(tuple(below), slot.shape)
        storage = Storage(label=slot.name, begin=slot.begin, size=slot.size)
        tensors.append(lay_out(file.name, renamed, _DTYPES[slot.dtype], slot.shape, storage))
    return Weights(
        converter=CONVERTER.id,
        tensors=tuple(tensors),
        notes=(f"names and layouts changed from {FOREIGN[framework]}'s to PyTorch's",),
    )


CONVERTER = Converter(name="foreign-safetensors", recognise=recognise, read=read)
