"""The tensors of an admission: from the proof of its conversion, or from its files' headers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blake3 import blake3

from secureload.cache.layout import Layout
from secureload.convert.dtypes import CODES
from secureload.ledger.records import Admitted, KeptFile

_HEADER_BYTES = 16 << 20
"""Largest safetensors header read here; that of a model with 100,000 tensors has 10 MiB."""

MEASURED_BYTES = 512 << 20
"""How much is hashed for one comparison, so that a page takes a second and no minute."""

_PIECE = 4 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Tensor:
    """A tensor: its type, shape, BLAKE3 in hex (None: not measured), its file's SHA-256."""

    dtype: str
    shape: tuple[int, ...]
    digest: str | None
    file: str = ""


class Unread(Exception):  # noqa: N818  an answer: the page says why
    """A file's tensors cannot be compared; the message says why."""


class Budget:
    """What may still be hashed, in bytes."""

    def __init__(self) -> None:
        self._left = MEASURED_BYTES

    def take(self, count: int) -> bool:
        """Whether so many bytes more may be hashed."""
        if count > self._left:
            return False
        self._left -= count
        return True


def of(layout: Layout, admitted: Admitted, budget: Budget) -> dict[str, Tensor]:
    """Every tensor by name; two of one name in several files have the file before the name.

    Raises:
        Unread: a file is not on this machine, or not as the scanner admitted it.
    """
    found: dict[str, Tensor] = {}
    for conversion in admitted.conversions:
        for proof in conversion.tensors:
            found[proof.name] = Tensor(
                dtype=proof.dtype, shape=proof.shape, digest=proof.blake3 or None
            )
    for file in as_published(admitted):
        try:
            tensors = _read(layout.blob(file.sha256), file.sha256, budget)
        except FileNotFoundError:
            raise Unread(
                f"{file.path} is not on this machine, and larger than is fetched"
            ) from None
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise Unread(f"{file.path} cannot be read: {type(error).__name__}") from error
        for name, tensor in tensors.items():
            found[f"{file.path}: {name}" if name in found else name] = tensor
    return found


def as_published(admitted: Admitted) -> Iterator[KeptFile]:
    """The safetensors files that no conversion made, so that no proof tells of their tensors."""
    made = {path for conversion in admitted.conversions for path in conversion.outputs}
    for file in admitted.files:
        if file.path.endswith(".safetensors") and file.path not in made:
            yield file


def _read(path: Path, sha256: str, budget: Budget) -> dict[str, Tensor]:
    """The tensors of a safetensors file."""
    found = {}
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if length > min(_HEADER_BYTES, size - 8):
            raise ValueError("its header is longer than is read")
        header = json.loads(file.read(length))
        for name, entry in header.items():
            if name != "__metadata__":
                begin, end = entry["data_offsets"]
                found[name] = Tensor(
                    dtype=_named(str(entry["dtype"])),
                    shape=tuple(map(int, entry["shape"])),
                    digest=_digest(file, 8 + length + begin, end - begin, budget),
                    file=sha256,
                )
    return found


def _named(code: str) -> str:
    """An element type by the name that proofs of conversions use."""
    return CODES[code].name if code in CODES else code


def _digest(file: Any, offset: int, count: int, budget: Budget) -> str | None:
    if not budget.take(count):
        return None
    measured = blake3()
    file.seek(offset)
    while count > 0:
        data = file.read(min(_PIECE, count))
        if not data:
            return None
        measured.update(data)
        count -= len(data)
    return str(measured.hexdigest())
