"""What all of torch's containers have in common: a pickle whose tensors view storages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from scanner.facts import CallFact, Fact, ImportFact, ProblemFact, StateFact, TensorFact
from scanner.pickles.allowlist import Allowlist, allowlist
from scanner.pickles.machine import Interpretation
from scanner.pickles.rebuilt import ITEM_BYTES
from secureload.convert.weights import Opened, Storage, Tensor, make_tensor
from secureload.errors import ConversionError

_PROFILES = ("torch", "numpy", "python_data", "torch_training")
"""What checkpoints hold: tensors, numbers, plain data and a trainer's settings."""


@cache
def checkpoints() -> Allowlist:
    """Return the allowlist of what a checkpoint may call."""
    return allowlist(_PROFILES)


FindStorage = Callable[[str], tuple[Storage, int | None]]
"""Gives the storage of a key, and its length in elements where the container says it."""


def accept(file: Opened, read: Interpretation) -> None:
    """Refuse a pickle that could not be read to its end, or that would do more than rebuild.

    Nothing in it was or will be executed; but a file that does anything else when loaded is
    no plain checkpoint, and whoever converts it should know. A file that a policy has
    approved is only asked to be readable.

    Raises:
        ConversionError: with the first thing that is wrong.
    """
    for fact in read.facts:
        if isinstance(fact, ProblemFact) and (fact.fatal or not file.approved):
            raise ConversionError(
                f"{file.name}: {fact.where}: {fact.message}",
                hint="the checkpoint is damaged or forged; fetch it again",
            )
    if file.approved:
        return
    for fact in read.facts:
        objection = getattr(fact, "objection", None)
        if objection is not None or type(fact).__name__ == "ExtensionFact":
            raise ConversionError(
                f"{file.name}: {fact.where}: {_what(fact)}: {objection or 'not resolvable'}",
                hint="it was not executed; `secureload explain` shows what the file would do",
            )


def _what(fact: Fact) -> str:
    if isinstance(fact, ImportFact):
        return f"imports {fact.dotted}"
    if isinstance(fact, CallFact):
        return f"calls {fact.callee}"
    if isinstance(fact, StateFact):
        return f"sets the state of {fact.callee}"
    return "asks its loader for an object"


def make_tensors(
    file: Opened, facts: Mapping[str, TensorFact], find: FindStorage
) -> tuple[Tensor, ...]:
    """Bind described tensors to the storages that hold their bytes.

    Raises:
        ConversionError: a storage is missing, is not as long as the pickle says, or is
            described in two ways; or a tensor reaches out of it.
    """
    described: dict[str, tuple[str, int]] = {}
    made = []
    for name, fact in facts.items():
        where = f"{file.name}: tensor {name!r}"
        storage, elements = find(fact.storage)
        first = described.setdefault(fact.storage, (fact.storage_dtype, fact.storage_elements))
        if first != (fact.storage_dtype, fact.storage_elements):
            raise ConversionError(
                f"{where} describes {storage.label} otherwise than an earlier tensor",
                hint="the checkpoint is damaged or forged",
            )
        size = fact.storage_elements * ITEM_BYTES.get(fact.storage_dtype, 1)
        if size != storage.size or elements not in (None, fact.storage_elements):
            raise ConversionError(
                f"{where}: {storage.label} has {storage.size} bytes, the pickle says {size}",
                hint="the checkpoint is damaged or forged; fetch it again",
            )
        tensor = make_tensor(
            file.name,
            name,
            dtype=fact.dtype,
            shape=fact.shape,
            stride=fact.stride,
            storage=storage,
            offset=fact.storage_offset,
            conjugate=fact.conjugate,
            negative=fact.negative,
        )
        if storage.swap and fact.dtype != fact.storage_dtype and tensor.dtype.unit > 1:
            raise ConversionError(
                f"{where}: {fact.dtype} in an untyped storage of a big-endian file is ambiguous",
                hint="save it again on a little-endian machine",
            )
        made.append(tensor)
    return tuple(made)


def unused_note(storages: Iterable[str], used: Iterable[Tensor]) -> tuple[str, ...]:
    """Return a note on storages that no tensor views, if there are any."""
    left = sorted(set(storages) - {tensor.storage.label for tensor in used})
    if not left:
        return ()
    return (f"{len(left)} storages belong to no tensor and are left out: {', '.join(left[:5])}",)


def is_magic(value: Any) -> bool:
    """Whether a pickle's value is the number that legacy torch files begin with."""
    return type(value) is int and value == 0x1950A86A20F9469CFC6C
