"""Prove an old conversion again: every tensor's bytes, from both sides, executing nothing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from blake3 import blake3

from secureload.convert.configs import scrub
from secureload.convert.copy import Piece, transfer
from secureload.convert.folder import Folder, plan_of, read_small
from secureload.convert.gather import gather
from secureload.convert.making import folder_at, opened_sources, weights_files
from secureload.convert.pack import Source
from secureload.convert.plan import set_of
from secureload.convert.shards import values_json, values_path
from secureload.convert.tying import untie
from secureload.errors import IntegrityError, UsageError
from secureload.flow import TensorProof

_SUFFIX = ".safetensors"


def verify_conversion(source: Path, destination: Path) -> tuple[TensorProof, ...]:
    """Prove an old conversion again: every tensor's bytes, from both sides, executing nothing.

    Files that were copied or scrubbed are compared byte for byte. Returns the proofs.

    Raises:
        IntegrityError: a tensor or file is missing, added, or not equal; the message names it.
        ConversionError: either side cannot be read.
    """
    for path in (source, destination):
        if not path.exists():
            raise UsageError(f"{path} does not exist", hint="give what was converted, and to what")
    if source.is_dir() and destination.is_dir():
        return _verify_folder(folder_at(source), folder_at(destination))
    with (
        opened_sources(weights_files(source)) as old,
        opened_sources(weights_files(destination)) as new,
    ):
        return _same(old, new)


def _verify_folder(source: Folder, destination: Folder) -> tuple[TensorProof, ...]:
    plan, _, readers = plan_of(source)
    proofs: list[TensorProof] = []
    expected = set(plan.copies)
    for path in plan.copies:
        if path not in destination.files:
            raise IntegrityError(f"{path} is missing", hint="convert the source again")
        if not _same_file(source, destination, path):
            raise IntegrityError(f"{path} is not what it was", hint="convert the source again")
    for group in plan.groups:
        members = [path for path in destination.files if set_of(path) == set_of(group.outputs[0])]
        shards = [path for path in members if path.endswith(_SUFFIX)]
        if not shards:
            raise IntegrityError(f"{group.outputs[0]} is missing", hint="convert the source again")
        with ExitStack() as stack:
            old = []
            for path in group.inputs:
                file = stack.enter_context(source.open(path))
                old.append(Source(file=file, weights=readers[path].read(file)))
            files = [(destination.root / path, path) for path in shards]
            proofs.extend(_same(old, stack.enter_context(opened_sources(files))))
        expected.update(members)
        for one, output in zip(old, group.outputs, strict=True):
            if not one.weights.values:
                continue
            beside = values_path(output, source.files)
            expected.add(beside)
            content = values_json(one.weights.values)
            if beside not in destination.files or read_small(destination, beside) != content:
                raise IntegrityError(f"{beside} is not what it was", hint="convert again")
    added = sorted(set(destination.files) - expected)
    if added:
        raise IntegrityError(f"{added[0]} comes from no file of the source", hint="remove it")
    return tuple(proofs)


def _same_file(source: Folder, destination: Folder, path: str) -> bool:
    if path.endswith(".json"):
        return scrub(path, read_small(source, path))[0] == read_small(destination, path)
    sums = []
    for folder in (source, destination):
        with folder.open(path) as file:
            sums.append(transfer(file.descriptor, path, (), whole=True).whole)
    return sums[0] == sums[1]


def _same(old: Sequence[Source], new: Sequence[Source]) -> tuple[TensorProof, ...]:
    """Compare two sets of weights, tensor by tensor."""
    was = {proof.name: proof for one in old for proof in _measure(one)}
    now = {proof.name: proof for one in new for proof in _measure(one)}
    for name in sorted(was.keys() | now.keys()):
        first, second = was.get(name), now.get(name)
        if first is None or second is None:
            side = "source" if first is None else "destination"
            raise IntegrityError(f"tensor {name!r} is not in the {side}", hint="convert again")
        if (first.dtype, first.shape, first.blake3) != (second.dtype, second.shape, second.blake3):
            raise IntegrityError(
                f"tensor {name!r} differs: {first.dtype} {list(first.shape)} {first.blake3}, "
                f"converted {second.dtype} {list(second.shape)} {second.blake3}",
                hint="convert the source again",
            )
    return tuple(was[name] for name in sorted(was))


def _measure(source: Source) -> list[TensorProof]:
    """Digest every tensor of one file that is not tied to another one."""
    file = source.file
    kept = untie(source.weights.tensors).kept
    plain = [tensor for tensor in kept if tensor.view.plain]
    measured = transfer(
        file.descriptor,
        file.name,
        [Piece(begin=t.view.begin, end=t.view.begin + t.view.size) for t in plain],
        records=source.weights.records,
    )
    sums = {tensor.name: digest for tensor, digest in zip(plain, measured.pieces, strict=True)}
    for tensor in kept:
        if tensor.name not in sums:
            total = blake3()
            for block in gather(file.descriptor, file.name, tensor.view):
                total.update(block)
            sums[tensor.name] = total.hexdigest()
    return [
        TensorProof(
            name=tensor.name,
            dtype=tensor.dtype.name,
            shape=tensor.shape,
            blake3=sums[tensor.name],
            source=f"{file.name}:{tensor.source}",
        )
        for tensor in kept
    ]
