"""One set of weights over one or more files: names, ties, shards, and what lies beside."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from scanner.patterns import pattern
from secureload.convert.pack import Output, Packed, Source
from secureload.convert.tying import untie
from secureload.convert.weights import Tensor
from secureload.errors import ConversionError

_SUFFIX = ".safetensors"
_SHARD = pattern(r"-\d{5}-of-\d{5}(?=\.safetensors$)")


def plan_output(name: str, sources: Sequence[Source]) -> tuple[Output, list[str]]:
    """Plan one file with all tensors of `sources`, tied names recorded in its metadata."""
    tensors: list[tuple[int, Tensor]] = []
    notes: list[str] = []
    metadata: dict[str, str] = {}
    for number, source in enumerate(sources):
        untied = untie(source.weights.tensors)
        tensors.extend((number, tensor) for tensor in untied.kept)
        metadata.update(untied.tied)
        notes.extend(f"{other} is tied to {kept}, kept once" for other, kept in untied.tied.items())
        if untied.copied:
            notes.append(f"views that overlap are now copies: {', '.join(untied.copied)}")
    metadata["format"] = "pt"
    return Output(name=name, tensors=tuple(tensors), metadata=dict(sorted(metadata.items()))), notes


def check_names(packed: Sequence[Packed]) -> None:
    """Refuse one name in two files of a set: loaders would keep one of them silently.

    Raises:
        ConversionError: naming tensor and files.
    """
    seen: dict[str, str] = {}
    for one in packed:
        for proof in one.proofs:
            if proof.name in seen:
                raise ConversionError(
                    f"tensor {proof.name!r} is in {seen[proof.name]} and in {one.file.path}",
                    hint="remove one of them from the checkpoint",
                )
            seen[proof.name] = one.file.path


def index_json(packed: Sequence[Packed]) -> bytes:
    """Return the index of shards, as transformers and diffusers read it."""
    places = {
        proof.name: PurePosixPath(one.file.path).name for one in packed for proof in one.proofs
    }
    index = {
        "metadata": {"total_size": sum(one.file.size - one.header for one in packed)},
        "weight_map": dict(sorted(places.items())),
    }
    return (json.dumps(index, indent=2, ensure_ascii=False) + "\n").encode()


def split(whole: Output, limit: int | None) -> list[Output]:
    """Distribute tensors, in their order, over files of at most `limit` bytes of tensors.

    A tensor larger than that has a file of its own.
    """
    parts: list[list[tuple[int, Tensor]]] = [[]]
    filled = 0
    for number, tensor in whole.tensors:
        size = tensor.view.size
        if limit is not None and parts[-1] and filled + size > limit:
            parts.append([])
            filled = 0
        parts[-1].append((number, tensor))
        filled += size
    if len(parts) == 1:
        return [whole]
    stem = whole.name.removesuffix(_SUFFIX)
    return [
        Output(
            name=f"{stem}-{place:05}-of-{len(parts):05}{_SUFFIX}",
            tensors=tuple(part),
            metadata=_metadata_of(whole, part),
        )
        for place, part in enumerate(parts, 1)
    ]


def _metadata_of(whole: Output, part: Sequence[tuple[int, Tensor]]) -> dict[str, str]:
    names = {tensor.name for _, tensor in part}
    return {
        key: value for key, value in whole.metadata.items() if key == "format" or value in names
    }


def unsharded(path: str) -> str:
    """Return the name that a shard's set would have as one file."""
    return _SHARD.sub("", path)


def values_path(output: str, others: Container[str]) -> str:
    """Name the JSON beside `output` that takes what is no tensor."""
    stem = output.removesuffix(".safetensors")
    beside = f"{stem}.metadata.json"
    return f"{output}.metadata.json" if beside in others else beside


def values_json(values: Mapping[str, Any]) -> bytes:
    """Return what is no tensor as JSON text."""
    return (json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
