"""Safetensors files: checked, never re-encoded; readable as weights for resharding."""

from __future__ import annotations

from secureload.convert.dtypes import CODES
from secureload.convert.weights import Converter, Opened, Storage, Tensor, Weights
from secureload.convert.writer import Layout, read_layout
from secureload.errors import ConversionError

FOREIGN = {"tf": "TensorFlow", "flax": "Flax"}
"""Frameworks by the name that safetensors metadata give them."""


def recognise(file: Opened) -> bool:
    """Whether this begins with a length and a JSON object, as safetensors does."""
    head = file.read(9, 0)
    return len(head) == 9 and head[8:] == b"{" and int.from_bytes(head[:8], "little") < file.size


def check(file: Opened) -> Layout:
    """Check a safetensors file that will be copied as it is.

    Raises:
        ConversionError: it is damaged, or its layout is another framework's: transformers 5
            does not look, and would leave the model's weights random.
    """
    layout = read_layout(file.descriptor, file.name)
    framework = FOREIGN.get(layout.metadata.get("format", ""))
    if framework:
        raise ConversionError(
            f"{file.name} has {framework}'s names and layout, which PyTorch cannot load",
            hint="ask the publisher for PyTorch weights",
        )
    return layout


def read(file: Opened) -> Weights:
    """Find the tensors; see `Converter`."""
    layout = check(file)
    tensors = []
    for slot in layout.slots:
        if slot.dtype not in CODES:
            raise ConversionError(
                f"{file.name}: tensor {slot.name!r} has the packed dtype {slot.dtype}",
                hint="copy the file as it is",
            )
        tensors.append(
            Tensor(
                name=slot.name,
                dtype=CODES[slot.dtype],
                shape=slot.shape,
                stride=contiguous(slot.shape),
                storage=Storage(label=slot.name, begin=slot.begin, size=slot.size),
            )
        )
    return Weights(converter=CONVERTER.id, tensors=tuple(tensors))


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the row-major strides of a shape, in elements."""
    strides = []
    step = 1
    for length in reversed(shape):
        strides.append(step)
        step *= length
    return tuple(reversed(strides))


CONVERTER = Converter(name="safetensors", recognise=recognise, read=read)
