"""Turn a folder of files into a folder of safe files: copied, scrubbed or converted."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from scanner.frozen import dataclass, replace
from scanner.limits import LIMITS
from secureload.convert import safetensors
from secureload.convert.configs import scrub
from secureload.convert.copy import Piece, Progress, created, transfer
from secureload.convert.frameworks import ARCHITECTURES
from secureload.convert.kinds import FOREIGN, formats, kind_of
from secureload.convert.pack import Packed, Source, pack
from secureload.convert.plan import (
    Group,
    Kind,
    Plan,
    is_index,
    only_of,
    path_is_safetensors_index,
    plan_folder,
)
from secureload.convert.shards import (
    check_names,
    index_json,
    plan_output,
    split,
    unsharded,
    values_json,
    values_path,
)
from secureload.convert.strides import write_all
from secureload.convert.weights import Converter, Opened
from secureload.errors import ConversionError, IntegrityError
from secureload.flow import ArtifactFile, Conversion

_PICKLES = frozenset({"pickle", "joblib", "pt2"})
_JSON = ".json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Folder:
    """Files to convert: paths relative to `root`, each with its expected SHA-256 or None.

    `approved` says that a policy has judged a scan of these very bytes. `framework`,
    `tensorflow` or `flax`, is whose weights are wanted, PyTorch's if empty. `verbatim`: it is
    no model's, so that nothing is converted or scrubbed.
    """

    root: Path
    files: Mapping[str, str | None]
    approved: bool = False
    framework: str = ""
    verbatim: bool = False

    @contextmanager
    def open(self, path: str) -> Iterator[Opened]:
        """Open one file; links and devices are refused.

        Raises:
            ConversionError: it is no plain file.
        """
        with open_file(self.root / path, path, approved=self.approved) as opened:
            yield opened


@contextmanager
def open_file(path: Path, name: str, *, approved: bool = False) -> Iterator[Opened]:
    """Open a plain file for reading; `name` is what messages call it.

    Raises:
        ConversionError: it is no plain file.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (os.O_NOFOLLOW if approved else 0)
    descriptor = os.open(path, flags)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ConversionError(f"{name} is not a plain file", hint="convert files and folders")
        yield Opened(descriptor=descriptor, name=name, size=status.st_size, approved=approved)
    finally:
        os.close(descriptor)


def convert_folder(
    folder: Folder,
    staging: Path,
    *,
    limit: int | None = None,
    verify: bool = True,
    progress: Progress | None = None,
) -> tuple[tuple[ArtifactFile, ...], tuple[Conversion, ...]]:
    """Bring every file of `folder` below `staging` as a safe file, or say why it is left.

    With a `limit` in bytes, converted weights are distributed over shards anew; `verify` is
    that of `pack`.

    Raises:
        ConversionError: a file cannot be converted, and must not be copied.
        IntegrityError: a file's bytes are not those that were scanned.
    """
    if folder.verbatim:
        return tuple(
            _as_it_is(folder, path, staging, progress) for path in sorted(folder.files)
        ), ()
    plan, kinds, readers = plan_of(folder)
    written: list[ArtifactFile] = []
    conversions: list[Conversion] = []
    for path, reason in sorted(plan.dropped.items()):
        _check_unchanged(folder, path)
        conversions.append(
            Conversion(converter="dropped/1", inputs=(path,), outputs=(), notes=(reason,))
        )
    for path in plan.copies:
        file_written, notes = _copy(folder, path, kinds[path], staging, progress)
        written.append(file_written)
        if notes:
            conversions.append(
                Conversion(converter="scrub/1", inputs=(path,), outputs=(path,), notes=notes)
            )
    for group in plan.groups:
        files, conversion = _convert(
            folder, group, readers, staging, limit=limit, verify=verify, progress=progress
        )
        written.extend(files)
        conversions.append(conversion)
    _check_indexes(written, staging)
    return tuple(sorted(written, key=lambda file: file.path)), tuple(conversions)


def plan_of(folder: Folder) -> tuple[Plan, dict[str, Kind], dict[str, Converter]]:
    """Plan a folder: what becomes of each file, what each is, and who reads the weights.

    Raises:
        ConversionError: a file can neither be converted nor copied.
    """
    kinds: dict[str, Kind] = {}
    readers: dict[str, Converter] = {}
    for path in folder.files:
        with folder.open(path) as file:
            kinds[path], reader = kind_of(file)
            if reader is not None:
                readers[path] = reader
    if folder.framework:
        kinds, unwanted = only_of(folder.framework, kinds)
    else:
        unwanted = {}
    plan = plan_folder(kinds, lambda path: read_json(folder, path))
    return replace(plan, dropped={**plan.dropped, **unwanted}), kinds, readers


def read_json(folder: Folder, path: str) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ConversionError: the file holds none.
    """
    data = read_small(folder, path)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ConversionError(f"{path}: not valid JSON: {error}", hint="fetch it again") from None
    if not isinstance(document, dict):
        raise ConversionError(f"{path}: not a JSON object", hint="fetch it again")
    return document


def read_small(folder: Folder, path: str) -> bytes:
    """Read a small file and compare it with what was scanned."""
    with folder.open(path) as file:
        if file.size > LIMITS.json_bytes:
            raise ConversionError(
                f"{path}: {file.size} bytes of JSON", hint=f"at most {LIMITS.json_bytes} are read"
            )
        data = file.read(file.size, 0)
    _compare(path, _sha256(data), folder.files[path])
    return data


def _sha256(data: bytes) -> str:
    import hashlib  # loads OpenSSL, which a single file does not wait for

    return hashlib.sha256(data).hexdigest()


def _compare(path: str, found: str, expected: str | None) -> None:
    if expected is not None and found != expected:
        raise IntegrityError(
            f"{path}: the file changed: SHA-256 {found}, expected {expected}",
            hint="nothing was kept; start again",
        )


def _check_unchanged(folder: Folder, path: str) -> None:
    if path in folder.files and folder.files[path] is None:
        return
    with folder.open(path) as file:
        measured = transfer(file.descriptor, path, (), whole=True)
        assert measured.whole is not None
        _compare(path, measured.whole, folder.files[path])


def _copy(
    folder: Folder, path: str, kind: Kind, staging: Path, progress: Progress | None
) -> tuple[ArtifactFile, tuple[str, ...]]:
    """Copy a file that needs no conversion; JSON is scrubbed on the way."""
    if path.endswith(_JSON):
        data = read_small(folder, path)
        safe, notes = scrub(path, data)
        return write_small(staging, path, safe), notes
    with folder.open(path) as file:
        if kind is Kind.SAFETENSORS:
            safetensors.check(file)
        return _transferred(folder, path, file, staging, progress), ()


def _as_it_is(folder: Folder, path: str, staging: Path, progress: Progress | None) -> ArtifactFile:
    """Copy a file of a dataset or a Space.

    Raises:
        ConversionError: it is a pickle, which nothing here converts.
    """
    with folder.open(path) as file:
        for name in sorted(formats(file)):
            if name in _PICKLES or name.startswith("torch"):
                raise ConversionError(
                    f"{path} is a {name} file, which may run code when it is loaded",
                    hint="ask the publisher for parquet, JSON, arrays or safetensors",
                )
        return _transferred(folder, path, file, staging, progress)


def _transferred(
    folder: Folder, path: str, file: Opened, staging: Path, progress: Progress | None
) -> ArtifactFile:
    """Copy an open file, and compare its bytes with those that were scanned."""
    with created(staging / path, file.size) as target:
        measured = transfer(
            file.descriptor,
            path,
            [Piece(begin=0, end=file.size, target=target, measured=False)],
            whole=True,
            progress=progress,
        )
    assert measured.whole is not None
    _compare(path, measured.whole, folder.files[path])
    return ArtifactFile(path=path, size=file.size, sha256=measured.whole)


def write_small(staging: Path, path: str, data: bytes) -> ArtifactFile:
    """Write a file given whole, synced to disk."""
    with created(staging / path, len(data)) as target:
        write_all(target, data, 0)
    return ArtifactFile(path=path, size=len(data), sha256=_sha256(data))


def _convert(
    folder: Folder,
    group: Group,
    readers: Mapping[str, Converter],
    staging: Path,
    *,
    limit: int | None,
    verify: bool,
    progress: Progress | None,
) -> tuple[list[ArtifactFile], Conversion]:
    """Convert one set of weights: file by file, or distributed anew with a `limit`."""
    packed: list[Packed] = []
    notes: list[str] = []
    values: dict[str, Mapping[str, Any]] = {}
    with ExitStack() as stack:
        sources = []
        for path, output in zip(group.inputs, group.outputs, strict=True):
            weights_file = stack.enter_context(folder.open(path))
            if readers[path] in FOREIGN:
                _check_architecture(folder, path)
            weights = readers[path].read(weights_file)
            notes.extend(weights.notes)
            if weights.values:
                values[output] = weights.values
            sources.append(Source(file=weights_file, weights=weights, sha256=folder.files[path]))
        if limit is None:
            for source, output in zip(sources, group.outputs, strict=True):
                planned, more = plan_output(output, [source])
                notes.extend(more)
                packed.extend(pack([source], [planned], staging, verify=verify, progress=progress))
        else:
            planned, more = plan_output(unsharded(group.outputs[0]), sources)
            notes.extend(more)
            parts = split(planned, limit)
            packed.extend(pack(sources, parts, staging, verify=verify, progress=progress))
        converter = sources[0].weights.converter
    check_names(packed)
    extra: list[ArtifactFile] = []
    for output, content in values.items():
        beside = values_path(output, folder.files)
        extra.append(write_small(staging, beside, values_json(content)))
        notes.append(f"values that are no tensors are in {beside}: {_some(content)}")
    if group.index and readers[group.inputs[0]] not in FOREIGN:
        notes.extend(_index_notes(read_json(folder, group.index), packed))
    if len(packed) > 1 or (group.index and limit is None):
        index = group.new_index or f"{unsharded(group.outputs[0])}.index.json"
        extra.append(write_small(staging, index, index_json(packed)))
    inputs = (*group.inputs, group.index) if group.index else group.inputs
    return [*(one.file for one in packed), *extra], Conversion(
        converter=converter,
        inputs=inputs,
        outputs=(*(one.file.path for one in packed), *(file.path for file in extra)),
        tensors=tuple(proof for one in packed for proof in one.proofs),
        notes=tuple(notes),
    )


def _check_architecture(folder: Folder, path: str) -> None:
    """Refuse to guess the names of an architecture whose mapping is not proven."""
    beside = path.rpartition("/")[0]
    config = f"{beside}/config.json" if beside else "config.json"
    if config not in folder.files:
        raise ConversionError(
            f"{path}: whose weights these are is not known without {config}",
            hint="convert the folder that holds both",
        )
    model_type = read_json(folder, config).get("model_type")
    if model_type not in ARCHITECTURES:
        raise ConversionError(
            f"{path}: no proven mapping to PyTorch's names for model_type {model_type!r}",
            hint="a mapping needs recorded outputs of the original model to test it against; "
            f"there is one for {', '.join(sorted(ARCHITECTURES))}",
        )


def _index_notes(index: Mapping[str, Any], packed: Sequence[Packed]) -> list[str]:
    there = {proof.name for one in packed for proof in one.proofs}
    there |= {name for one in packed for name in one.tied}
    missing = sorted(set(index["weight_map"]) - there)
    if not missing:
        return []
    return [f"the index names {len(missing)} tensors that no shard holds: {', '.join(missing[:5])}"]


def _some(values: Mapping[str, Any]) -> str:
    return ", ".join(list(values)[:10]) + (", ..." if len(values) > 10 else "")


def _check_indexes(written: Sequence[ArtifactFile], staging: Path) -> None:
    """Every index in the artifact must name safetensors beside it, and nothing else."""
    paths = {file.path for file in written}
    for path in sorted(filter(is_index, paths)):
        if not path_is_safetensors_index(path):
            raise ConversionError(
                f"{path} is the index of weights that are not there", hint="fetch all shards"
            )
        index = json.loads((staging / path).read_bytes())
        parent = path.rpartition("/")[0]
        for name in sorted(set(index["weight_map"].values())):
            target = f"{parent}/{name}" if parent else name
            if target not in paths or not name.endswith(".safetensors"):
                raise ConversionError(
                    f"{path} names {name}, which is no safetensors file beside it",
                    hint="fetch all shards",
                )
