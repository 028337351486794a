"""Write tensors from any number of sources into safetensors files, and prove each one.

One pass over every source in file order copies what lies as safetensors wants it; what
does not is gathered. Each tensor's BLAKE3 is taken from the very buffers that were
written; while the disk catches up, the files are read back and measured again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from blake3 import blake3

from scanner.frozen import dataclass, field
from scanner.limits import LIMITS
from secureload.convert.copy import Measured, Piece, Progress, created, transfer
from secureload.convert.gather import gather
from secureload.convert.strides import write_all
from secureload.convert.weights import Opened, Tensor, Weights
from secureload.convert.writer import Layout, Slot, lay_out
from secureload.errors import ConversionError, IntegrityError
from secureload.flow import ArtifactFile, TensorProof


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """An open file and what it holds; `sha256` is what its bytes must hash to, if known."""

    file: Opened
    weights: Weights
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """A safetensors file to write: `name` relative to the folder, `tensors` with the number
    of the source each comes from, `metadata` for its header."""

    name: str
    tensors: tuple[tuple[int, Tensor], ...]
    metadata: Mapping[str, str] = field(default_factory=lambda: {"format": "pt"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """A file that was written, and the proof of each tensor in it, in file order.

    `header` is how many bytes come before the first tensor, `tied` the names that stand in
    the metadata for one that was kept.
    """

    file: ArtifactFile
    proofs: tuple[TensorProof, ...]
    header: int
    tied: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Target:
    """An output while it is being written."""

    output: Output
    layout: Layout
    descriptor: int
    digests: dict[str, str] = field(default_factory=dict)


def pack(
    sources: Sequence[Source],
    outputs: Sequence[Output],
    folder: Path,
    *,
    verify: bool = True,
    progress: Progress | None = None,
) -> tuple[Packed, ...]:
    """Write `outputs` below `folder`, synced to disk.

    With `verify` each file is read back and every tensor measured again; without, the
    proofs rest on the digests of the buffers that were written, and files have no digest.

    Raises:
        ConversionError: a source is damaged, or the outputs would be absurdly large.
        IntegrityError: a source's bytes are not those that were promised, or what was
            written does not read back.
        OSError: the disk is full or fails.
    """
    layouts = [
        lay_out(
            [(tensor.name, tensor.dtype.name, tensor.shape) for _, tensor in output.tensors],
            output.metadata,
        )
        for output in outputs
    ]
    check_expansion(sources, sum(layout.size for layout in layouts))
    with ExitStack() as stack:
        targets = [
            _Target(
                output=output,
                layout=layout,
                descriptor=stack.enter_context(created(folder / output.name, layout.size)),
            )
            for output, layout in zip(outputs, layouts, strict=True)
        ]
        for target in targets:
            write_all(target.descriptor, target.layout.header, 0)
        for number, source in enumerate(sources):
            _copy(number, source, targets, progress)
        return tuple(_prove(sources, target, verify) for target in targets)


def check_expansion(sources: Sequence[Source], size: int) -> None:
    """Refuse outputs that are far larger than their sources: expanded views multiply.

    Raises:
        ConversionError: `size` bytes of output are too many.
    """
    read = sum(source.file.size for source in sources)
    if size > read * LIMITS.expansion_ratio or size > 2 * read + LIMITS.expanded_bytes:
        names = ", ".join(source.file.name for source in sources)
        raise ConversionError(
            f"{names}: {read} bytes would become {size}: views repeat their storage",
            hint="store the storage once and expand it after loading",
        )


def _copy(
    number: int, source: Source, targets: Sequence[_Target], progress: Progress | None
) -> None:
    """Bring one source's tensors into all the files that want them."""
    file = source.file
    pieces: list[Piece] = []
    owners: list[tuple[_Target, str]] = []
    gathered: list[tuple[_Target, Slot, Tensor]] = []
    for target in targets:
        slots = target.layout.by_name()
        for origin, tensor in target.output.tensors:
            if origin != number:
                continue
            slot, view = slots[tensor.name], tensor.view
            if view.plain:
                piece = Piece(
                    begin=view.begin,
                    end=view.begin + view.size,
                    target=target.descriptor,
                    at=slot.begin,
                )
                pieces.append(piece)
                owners.append((target, tensor.name))
            else:
                gathered.append((target, slot, tensor))
    measured = transfer(
        file.descriptor,
        file.name,
        pieces,
        records=source.weights.records,
        whole=source.sha256 is not None,
        progress=progress,
    )
    if measured.whole != source.sha256:
        raise IntegrityError(
            f"{file.name}: the file changed: SHA-256 {measured.whole}, expected {source.sha256}",
            hint="nothing was kept; start again",
        )
    for (target, name), digest in zip(owners, measured.pieces, strict=True):
        target.digests[name] = digest
    for target, slot, tensor in gathered:
        total, at = blake3(), slot.begin
        for block in gather(file.descriptor, f"{file.name}: tensor {tensor.name!r}", tensor.view):
            total.update(block)
            write_all(target.descriptor, block, at)
            at += len(block)
        target.digests[tensor.name] = total.hexdigest()


def _prove(sources: Sequence[Source], target: _Target, verify: bool) -> Packed:
    """Read a file back while the disk catches up, and compare it with what went in."""
    failure: list[OSError] = []

    def sync() -> None:
        try:
            os.fsync(target.descriptor)
        except OSError as error:
            failure.append(error)

    syncing = threading.Thread(target=sync, name="fsync", daemon=True)
    syncing.start()
    slots = target.layout.slots
    read_back = Measured(pieces=tuple(target.digests[slot.name] for slot in slots), whole="")
    try:
        if verify:
            read_back = transfer(
                target.descriptor,
                target.output.name,
                [Piece(begin=slot.begin, end=slot.end) for slot in slots],
                whole=True,
            )
    finally:
        syncing.join()
    if failure:
        raise failure[0]
    tensors = {tensor.name: (origin, tensor) for origin, tensor in target.output.tensors}
    proofs = []
    for slot, digest in zip(slots, read_back.pieces, strict=True):
        origin, tensor = tensors[slot.name]
        if digest != target.digests[slot.name]:
            raise IntegrityError(
                f"{target.output.name}: tensor {slot.name!r} does not read back as written",
                hint="the disk or its memory is failing",
            )
        proofs.append(
            TensorProof(
                name=slot.name,
                dtype=tensor.dtype.name,
                shape=tensor.shape,
                blake3=digest,
                source=f"{sources[origin].file.name}:{tensor.source}",
            )
        )
    assert read_back.whole is not None
    return Packed(
        file=ArtifactFile(path=target.output.name, size=target.layout.size, sha256=read_back.whole),
        proofs=tuple(proofs),
        header=len(target.layout.header),
        tied=tuple(name for name in target.output.metadata if name != "format"),
    )
