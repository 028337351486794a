"""Convert in a confined worker, and check what it says and wrote before anyone relies on it."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath

from secureload.errors import IntegrityError
from secureload.flow import ArtifactFile, Conversion
from secureload.sandbox.conversions import Said
from secureload.sandbox.limits import Limits
from secureload.sandbox.worker import SandboxError, Worker, WorkerLostError

_SILENCES = 4
"""The longest conversion, in longest silences."""

_JSON_BYTES = 200_000_000
_HEADER_BYTES = 100_000_000
_SUFFIX = ".safetensors"
_VALUES = ".metadata.json"

Advance = Callable[[int], None]


class ConversionLostError(SandboxError):
    """The confined worker was lost while it converted; nothing it wrote is kept."""


def converse(worker: Worker, total: int, limits: Limits, advance: Advance | None) -> Said:
    """Listen to a converting worker until its last word, which is no problem.

    Raises:
        SecureloadError: what the worker met.
        ConversionLostError: the worker was lost.
    """
    within = limits.silence(total)
    # Progress breaks the silence, so the whole needs an end of its own.
    until = time.monotonic() + _SILENCES * within
    try:
        while True:
            left = until - time.monotonic()
            said = worker.receive(Said, within=max(0.0, min(within, left)))
            if said.advanced and advance is not None:
                advance(min(max(said.advanced, 0), total))
            if said.problem is not None:
                raise said.problem.error()
            if said.files is not None or said.proofs is not None:
                return said
    except WorkerLostError as error:
        raise ConversionLostError(
            f"the confined worker that converted the files was lost: {error.why}",
            hint="nothing was kept; the file is damaged, hostile, or too large for this machine",
        ) from error
    finally:
        worker.close()


def check(
    files: Iterable[ArtifactFile],
    conversions: Iterable[Conversion],
    staging: Path,
    root: Path,
    sources: Mapping[str, str | None],
) -> None:
    """Check what a worker says it made against what it was given and what lies in `staging`.

    `sources` are the paths given, below `root`, each with its SHA-256 or None. Every file
    made is named, is a plain one of that size, and is a copy of a source without anything to
    scrub, an index, values beside weights, or safetensors. Whoever keeps the files measures
    their digests.

    Raises:
        IntegrityError: it is something else.
    """
    made = {file.path: file for file in files}
    named = {path for conversion in conversions for path in conversion.inputs}
    if not named <= sources.keys():
        raise _wrong(f"it names {min(named - sources.keys())!r}, which it was not given")
    outputs = {path for conversion in conversions for path in conversion.outputs}
    if not outputs <= made.keys():
        raise _wrong(f"it names {min(outputs - made.keys())!r}, which it did not make")
    there = dict(_below(staging))
    if there.keys() != made.keys():
        raise _wrong(f"files differ from those named: {min(there.keys() ^ made.keys())!r}")
    for path, file in made.items():
        status = there[path]
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise _wrong(f"{path!r} is no plain file")
        if status.st_size != file.size:
            raise _wrong(f"{path!r} is {status.st_size} bytes long, not {file.size}")
        if path in sources and path not in outputs:
            _check_copy(path, file, staging / path, root / path, sources[path])
        _check_kind(path, file, staging / path, copied=path in sources)


def _check_copy(
    path: str, file: ArtifactFile, place: Path, original: Path, expected: str | None
) -> None:
    from filecmp import cmp

    same = file.sha256 == expected if expected else cmp(place, original, shallow=False)
    if not same:
        raise _wrong(f"{path!r} is not the copy that it should be")


def _check_kind(path: str, file: ArtifactFile, place: Path, *, copied: bool) -> None:
    if path.endswith(_VALUES) and not copied:
        return  # what was no tensor, under a name that no library reads
    if path.endswith(".json") and (copied or path.endswith(".index.json")):
        from secureload.convert.configs import scrub

        data = _read(place, _JSON_BYTES)
        if scrub(path, data)[0] != data:
            raise _wrong(f"{path!r} still holds what is scrubbed")
    elif path.endswith(_SUFFIX):
        _check_header(path, place, file.size)
    elif not copied:
        raise _wrong(f"{path!r} is neither a copy nor safetensors")


def _check_header(path: str, place: Path, size: int) -> None:
    """A header of JSON, and data that ends where the file does: no other format's file."""
    with place.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if length > min(_HEADER_BYTES, size - 8):
            raise _wrong(f"{path!r} has no safetensors header")
        try:
            header = json.loads(opened.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items()
                    if name != "__metadata__"]  # fmt: skip
        except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
            raise _wrong(f"{path!r} has no safetensors header") from None
    if 8 + length + max(ends, default=0) != size:
        raise _wrong(f"{path!r} does not end with its last tensor")


def _below(staging: Path) -> Iterable[tuple[str, os.stat_result]]:
    for folder, folders, names in os.walk(staging):
        for name in (*names, *folders):
            place = Path(folder, name)
            status = place.lstat()
            if not stat.S_ISDIR(status.st_mode):
                yield PurePosixPath(place.relative_to(staging)).as_posix(), status


def _read(place: Path, most: int) -> bytes:
    with place.open("rb") as opened:
        data = opened.read(most + 1)
    if len(data) > most:
        raise _wrong(f"{place.name!r} is longer than {most} bytes")
    return data


def _wrong(what: str) -> IntegrityError:
    return IntegrityError(
        f"a confined worker made something else than it was asked for: {what}",
        hint="nothing was kept; one of the files has led the converter astray: please report it",
    )
