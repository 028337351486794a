"""Bring safetensors from a file onto a device, hashing the very bytes that arrive.

The file is read in chunks into page-locked memory by a few threads. Each chunk is copied to
the device from there, on a stream of its own, while it is hashed; so reading, hashing and
copying overlap and every byte is touched once. Nothing is given out before the whole file's
digest was compared.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from secureload.convert.dtypes import CODES
from secureload.convert.writer import Layout, header_size, parse_layout
from secureload.digests import open_regular
from secureload.errors import ConversionError, IntegrityError
from secureload.flow import ArtifactFile
from secureload.registry.sealed import Digest, read_exactly

CHUNK = 32 << 20
"""Bytes in one step: enough for many threads to hash together."""

BUFFERS = 6
"""Chunks on their way at once: being read, hashed, copied."""


def tensors(path: Path, file: ArtifactFile, device: Any) -> dict[str, Any]:
    """All tensors of one file on `device` (a `torch.device`), by name; see `contents`."""
    return contents(path, file, device)[0]


def contents(
    path: Path, file: ArtifactFile, device: Any
) -> tuple[dict[str, Any], Mapping[str, str]]:
    """All tensors of one file on `device` (a `torch.device`), by name, and its metadata.

    Raises:
        IntegrityError: the file has other bytes than were admitted.
        ConversionError: it holds an element type that torch does not have.
    """
    import torch

    try:
        with open_regular(path) as descriptor, torch.no_grad():
            return _read(descriptor, file, torch.device(device))
    except (IntegrityError, ConversionError):
        raise
    except OSError as error:
        raise IntegrityError(f"{file.path} cannot be read: {error.strerror or error}") from error


def _read(
    descriptor: int, file: ArtifactFile, device: Any
) -> tuple[dict[str, Any], Mapping[str, str]]:
    size = os.fstat(descriptor).st_size
    if size != file.size:
        raise IntegrityError(f"{file.path} has {size} bytes instead of {file.size}")
    digest = Digest(file)
    layout = _header(descriptor, file, digest)
    named, targets = _allocate(layout, file, device)
    _stream(descriptor, len(layout.header), size, targets, digest, device)
    digest.check()
    return named, layout.metadata


def _header(descriptor: int, file: ArtifactFile, digest: Digest) -> Layout:
    """Read, hash and parse what precedes the tensors. Parsing only looks, so it may be first."""
    try:
        head = os.pread(descriptor, header_size(os.pread(descriptor, 8, 0), file.size), 0)
        digest.update(head)
        return parse_layout(head, file.size, file.path)
    except ConversionError as error:
        raise IntegrityError(f"{file.path} is not what was admitted: {error.message}") from error


def _allocate(
    layout: Layout, file: ArtifactFile, device: Any
) -> tuple[dict[str, Any], list[tuple[int, int, Any]]]:
    """Memory for every tensor: by name, and in the order of the file as (begin, end, bytes)."""
    import torch

    named: dict[str, Any] = {}
    targets: list[tuple[int, int, Any]] = []
    for slot in layout.slots:
        if slot.dtype not in CODES:
            raise ConversionError(
                f"{file.path}: tensor {slot.name!r} has the packed dtype {slot.dtype}",
                hint="load it with `cache.verify: always`",
            )
        raw = torch.empty(slot.size, dtype=torch.uint8, device=device)
        dtype = getattr(torch, CODES[slot.dtype].name)
        named[slot.name] = raw.view(dtype).reshape(slot.shape)
        targets.append((slot.begin, slot.end, raw))
    return named, [target for target in targets if target[0] < target[1]]


class _Buffer:
    """Memory for one chunk, page-locked where a device copies from it."""

    def __init__(self, device: Any) -> None:
        import torch

        self.on_device = device.type == "cuda"
        self.tensor = torch.empty(CHUNK, dtype=torch.uint8, pin_memory=self.on_device)
        self.view = memoryview(self.tensor.numpy())
        self.copied = torch.cuda.Event() if self.on_device else None

    def fill(self, descriptor: int, at: int, length: int) -> None:
        """Read a chunk once the copies out of the last one are done."""
        if self.copied is not None:
            self.copied.synchronize()
        read_exactly(descriptor, self.view, at, length, 0)


def _stream(
    descriptor: int,
    start: int,
    size: int,
    targets: Sequence[tuple[int, int, Any]],
    digest: Digest,
    device: Any,
) -> None:
    import contextlib

    import torch

    count = min(BUFFERS, -(-(size - start) // CHUNK))
    buffers = [_Buffer(device) for _ in range(count)]
    stream = torch.cuda.Stream(device) if device.type == "cuda" else None
    if stream is not None:
        stream.wait_stream(torch.cuda.current_stream(device))
    steps = iter([(at, min(CHUNK, size - at)) for at in range(start, size, CHUNK)])
    waiting: deque[tuple[int, int, _Buffer, Future[None]]] = deque()
    nearest = 0  # the first target that may still want bytes
    with ThreadPoolExecutor(max(1, min(count, os.cpu_count() or 1))) as pool:

        def send(buffer: _Buffer) -> None:
            step = next(steps, None)
            if step is not None:
                waiting.append((*step, buffer, pool.submit(buffer.fill, descriptor, *step)))

        try:
            for buffer in buffers:
                send(buffer)
            while waiting:
                at, length, buffer, read = waiting.popleft()
                read.result()
                with torch.cuda.stream(stream) if stream is not None else contextlib.nullcontext():
                    nearest = _copy(targets, nearest, at, at + length, buffer)
                    if buffer.copied is not None:
                        buffer.copied.record(stream)
                with buffer.view[:length] as part:
                    digest.update(part)
                send(buffer)
        finally:
            pool.shutdown(cancel_futures=True)
            if stream is not None:
                stream.synchronize()


def _copy(
    targets: Sequence[tuple[int, int, Any]], nearest: int, begin: int, end: int, buffer: _Buffer
) -> int:
    """Copy a chunk, bytes `begin` to `end` of the file, to the tensors it belongs to."""
    while nearest < len(targets):
        first, last, raw = targets[nearest]
        low, high = max(first, begin), min(last, end)
        if low < high:
            source = buffer.tensor[low - begin : high - begin]
            raw[low - first : high - first].copy_(source, non_blocking=buffer.on_device)
        if last > end:
            return nearest
        nearest += 1
    return nearest
