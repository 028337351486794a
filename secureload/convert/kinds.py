"""Tell by content what a file is, and who converts it."""

from __future__ import annotations

from pathlib import PurePosixPath

from scanner.formats import recognised
from scanner.limits import LIMITS
from scanner.reader import Blob, Budget
from secureload.convert import (
    flax_msgpack,
    foreign_safetensors,
    keras_h5,
    safetensors,
    torch_legacy,
    torch_tar,
    torch_zip,
)
from secureload.convert.plan import Kind
from secureload.convert.weights import Converter, Opened
from secureload.errors import ConversionError

CONVERTERS: tuple[Converter, ...] = (
    torch_zip.CONVERTER,
    torch_legacy.CONVERTER,
    torch_tar.CONVERTER,
)
"""The formats that are converted, in the order they are tried."""

FOREIGN: tuple[Converter, ...] = (
    foreign_safetensors.CONVERTER,
    keras_h5.CONVERTER,
    flax_msgpack.CONVERTER,
)
"""Other frameworks' formats: converted where there are no weights of PyTorch's beside them."""

_CARRIERS = frozenset(
    {"pickle", "joblib", "zip", "tar", "gzip", "bzip2", "xz", "lzma", "zlib", "lz4", "zstd", "7z"}
)
"""Formats that may hold a pickle, as the scanner names them."""


def kind_of(file: Opened) -> tuple[Kind, Converter | None]:
    """Tell by content what a file is, and who converts it.

    Raises:
        ConversionError: it may hold a pickle, and nothing here can convert it.
    """
    for converter in FOREIGN:
        if converter.recognise(file) and (converter.name != "flax-msgpack" or _is_flax(file.name)):
            return Kind.LEFT, converter
    if file.name.endswith(".safetensors"):
        return Kind.SAFETENSORS, safetensors.CONVERTER
    if safetensors.recognise(file):
        return Kind.WEIGHTS, safetensors.CONVERTER
    for converter in CONVERTERS:
        if converter.recognise(file):
            return Kind.WEIGHTS, converter
    for name in sorted(formats(file)):
        if name in _CARRIERS or name.startswith("torch"):
            raise ConversionError(
                f"{file.name} is a {name} file, which may run code when it is loaded",
                hint="leave it out (a policy's `scope: needed` does), or ask for safetensors",
            )
    return Kind.OTHER, None


def formats(file: Opened) -> set[str]:
    """The formats that the scanner recognises in a file, by name."""
    if not file.size:
        return set()
    with file.mapped() as data, memoryview(data) as view:
        blob = Blob(
            data=view,
            name=PurePosixPath(file.name).name,
            path=file.name,
            limits=LIMITS,
            budget=Budget(LIMITS),
        )
        found = {known.name for known in recognised(blob)}
        del blob
        return found


def _is_flax(path: str) -> bool:
    base = PurePosixPath(path).name
    return base.endswith(".msgpack")
