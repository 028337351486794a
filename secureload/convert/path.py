"""`secureload convert`: files and folders on disk, published in one step or not at all."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from scanner.frozen import dataclass
from scanner.patterns import pattern
from secureload.convert.folder import (
    Folder,
    convert_folder,
    kind_of,
    open_file,
    read_json,
    write_small,
)
from secureload.convert.pack import Source, pack
from secureload.convert.plan import Kind, index_shards, is_index, renamed
from secureload.convert.shards import (
    check_names,
    index_json,
    plan_output,
    split,
    unsharded,
    values_json,
    values_path,
)
from secureload.errors import ConversionError, SecureloadError, UsageError
from secureload.flow import ArtifactFile, Conversion

Progress = Callable[[str, int, int], None]

_SUFFIX = ".safetensors"
_SIZE = pattern(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[kmgt]?i?b?)", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


class MakePath(Protocol):
    """What makes the files of a conversion, as `make_path` does: here, or confined."""

    def __call__(
        self,
        source: Path,
        destination: Path,
        staging: Path,
        *,
        limit: int | None,
        verify: bool,
        progress: Callable[[int], None],
    ) -> tuple[tuple[ArtifactFile, ...], tuple[Conversion, ...]]:
        """Make them in `staging`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Converted:
    """What a conversion wrote: `root` is the folder that `files` are relative to."""

    root: Path
    files: tuple[ArtifactFile, ...]
    conversions: tuple[Conversion, ...]


def convert_path(
    source: Path,
    destination: Path,
    *,
    max_shard_size: int | str | None = None,
    verify: bool = False,
    progress: Progress | None = None,
    through: MakePath | None = None,
) -> Converted:
    """Convert a weights file, an index with its shards, or a folder, executing nothing.

    A destination that ends in `.safetensors` is a file, which takes all the tensors of the
    source; anything else is a folder. `max_shard_size` is in bytes, or text like `5GB`; the
    weights are then distributed anew. Each tensor's digest is taken from the very buffers
    that are written; with `verify` the files are also read back and measured again, and have
    a digest of their own. Nothing is left behind on failure, and an existing file is replaced in
    one step. `through` makes the files in the place of `make_path`.

    Raises:
        UsageError: source and destination do not go together.
        ConversionError: the source cannot be converted; the message names what is wrong.
    """
    limit = parse_size(max_shard_size) if max_shard_size is not None else None
    if not source.exists():
        raise UsageError(f"{source} does not exist", hint="give a file or a folder")
    single = destination.suffix == _SUFFIX
    if single and destination.is_dir():
        raise UsageError(f"{destination} is a folder", hint="choose another name")
    if not single and destination.exists() and (
        not destination.is_dir() or any(destination.iterdir())
    ):  # fmt: skip
        raise UsageError(
            f"{destination} exists and is not an empty folder",
            hint="choose a new folder, or a file that ends in .safetensors",
        )
    advance = _Advance(progress, _size_of(source))
    try:
        with _staging(destination) as staging:
            make = make_path if through is None else through
            files, conversions = make(
                source, destination, staging, limit=limit, verify=verify, progress=advance
            )
            root = destination.parent if single else destination
            made = Converted(root=root, files=files, conversions=conversions)
            _publish(staging, destination, made, single)
            return made
    except SecureloadError:
        raise
    except OSError as error:
        raise ConversionError(
            f"{error.filename or destination}: {error.strerror or error}",
            hint="check free space and permissions",
        ) from error


def make_path(
    source: Path,
    destination: Path,
    staging: Path,
    *,
    limit: int | None,
    verify: bool,
    progress: Callable[[int], None],
) -> tuple[tuple[ArtifactFile, ...], tuple[Conversion, ...]]:
    """Make in `staging` what `convert_path` publishes, named for `destination`.

    Raises:
        ConversionError: the source cannot be converted; the message names what is wrong.
    """
    if source.is_dir() and destination.suffix != _SUFFIX:
        return convert_folder(
            folder_at(source), staging, limit=limit, verify=verify, progress=progress
        )
    return _regroup(source, destination, staging, limit, verify, progress)


def parse_size(text: int | str) -> int:
    """Read a size in bytes: a number, or text like `500MB`, `5GB`, `2GiB`.

    Raises:
        UsageError: it is neither, or not positive.
    """
    if isinstance(text, int):
        size = text
    else:
        found = _SIZE.fullmatch(text.strip())
        if found is None:
            raise UsageError(f"{text!r} is not a size", hint="write 500MB, 5GB or 2GiB")
        unit = found["unit"].lower()
        letter = unit[:1] if unit[:1] in _BINARY else ""
        factor = _BINARY[letter] if letter and "i" in unit else _UNITS[letter]
        size = math.floor(float(found["number"]) * factor)
    if size <= 0:
        raise UsageError(f"{text!r} is not a positive size", hint="write 500MB, 5GB or 2GiB")
    return size


class _Advance:
    """Counts bytes done for whoever shows progress."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.progress, self.total, self.done = progress, total, 0

    def __call__(self, count: int) -> None:
        self.done = min(self.done + count, self.total)
        if self.progress is not None:
            self.progress("convert", self.done, self.total)


def folder_at(root: Path) -> Folder:
    """All files below `root` but git's own, none with a digest that is expected."""
    files = sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if not path.is_dir() and ".git" not in path.relative_to(root).parts
    )
    return Folder(root=root, files=dict.fromkeys(files))


def _size_of(source: Path) -> int:
    if source.is_file():
        return source.stat().st_size
    return sum(path.stat().st_size for path in source.rglob("*") if path.is_file())


@contextmanager
def _staging(destination: Path) -> Iterator[Path]:
    """Give a folder beside the destination that is gone afterwards, whatever happens."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    staging = destination.parent / f".{destination.name}.{os.urandom(6).hex()}.partial"
    staging.mkdir()
    try:
        yield staging
    finally:
        _remove(staging)


def _remove(folder: Path) -> None:
    """Remove a folder; all but the first step is needed only after a failure."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        return
    except OSError:
        import shutil  # with all its archive formats, slower than a small conversion

        shutil.rmtree(folder, ignore_errors=True)


def _publish(staging: Path, destination: Path, made: Converted, single: bool) -> None:
    for folder in {staging / file.path for file in made.files}:
        _sync(folder.parent)
    if single:
        # The weights come last: whoever sees them finds what lies beside them too.
        for file in sorted(made.files, key=lambda file: file.path == destination.name):
            (staging / file.path).replace(destination.parent / file.path)
    else:
        if destination.exists():
            destination.rmdir()
        staging.rename(destination)
    _sync(destination.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# -- one set of weights, distributed anew --------------------------------------------------


def weights_files(source: Path) -> list[tuple[Path, str]]:
    """List the files that make up the one set of weights at `source`, with their names."""
    if source.is_file():
        if not is_index(source.name):
            return [(source, source.name)]
        folder = folder_at(source.parent)
        shards = _shards(folder, source.name)
        return [(source.parent / shard, shard) for shard in shards]
    folder = folder_at(source)
    indexes = [path for path in folder.files if is_index(path)]
    if len(indexes) == 1:
        return [(source / shard, shard) for shard in _shards(folder, indexes[0])]
    kinds = {}
    for path in folder.files:
        with folder.open(path) as file:
            kinds[path] = kind_of(file)[0]
    for wanted in (Kind.SAFETENSORS, Kind.WEIGHTS):
        found = [path for path, kind in kinds.items() if kind is wanted]
        if len(found) == 1:
            return [(source / found[0], found[0])]
        if found:
            raise UsageError(
                f"{source} holds several sets of weights: {', '.join(found[:5])}",
                hint="name one file, or a folder as destination without --max-shard-size",
            )
    raise UsageError(f"{source} holds no weights", hint="name the weights file itself")


def _shards(folder: Folder, index: str) -> list[str]:
    shards = index_shards(index, read_json(folder, index))
    missing = [shard for shard in shards if shard not in folder.files]
    if missing:
        raise ConversionError(f"{index} names {missing[0]}, which is not there", hint="fetch it")
    return shards


@contextmanager
def opened_sources(files: Sequence[tuple[Path, str]]) -> Iterator[list[Source]]:
    """Open files, given as (path, name), and read what tensors they hold.

    Raises:
        ConversionError: one of them holds none that can be converted.
    """
    with ExitStack() as stack:
        sources = []
        for path, name in files:
            file = stack.enter_context(open_file(path, name))
            _, converter = kind_of(file)
            if converter is None:
                raise ConversionError(
                    f"{name} is in no format that can be converted",
                    hint="torch's zip, legacy and tar files and safetensors can",
                )
            sources.append(Source(file=file, weights=converter.read(file)))
        yield sources


def _regroup(
    source: Path,
    destination: Path,
    staging: Path,
    limit: int | None,
    verify: bool,
    progress: Callable[[int], None],
) -> tuple[tuple[ArtifactFile, ...], tuple[Conversion, ...]]:
    """Write all tensors of one set of weights to one file, or to shards of a limited size."""
    files = weights_files(source)
    single = destination.suffix == _SUFFIX
    if single:
        name = destination.name
    else:
        name = Path(renamed(files[0][1])).name
        if len(files) > 1:
            name = unsharded(name)
    with opened_sources(files) as sources:
        whole, notes = plan_output(name, sources)
        outputs = split(whole, limit)
        if single and len(outputs) > 1:
            raise UsageError(
                f"{len(outputs)} shards do not fit into the one file {destination.name}",
                hint="give a folder as destination",
            )
        notes[:0] = [note for one in sources for note in one.weights.notes]
        packed = pack(sources, outputs, staging, verify=verify, progress=progress)
        check_names(packed)
        extra = []
        if len(outputs) > 1:
            extra.append(write_small(staging, f"{name}.index.json", index_json(packed)))
        values = {one.file.name: one.weights.values for one in sources if one.weights.values}
        if values:
            beside = values_path(name, ())
            content = values if len(sources) > 1 else next(iter(values.values()))
            extra.append(write_small(staging, beside, values_json(content)))
            notes.append(f"values that are no tensors are in {beside}")
        converters = sorted({one.weights.converter for one in sources})
    written = (*(one.file for one in packed), *extra)
    conversion = Conversion(
        converter=",".join(converters),
        inputs=tuple(name for _, name in files),
        outputs=tuple(file.path for file in written),
        tensors=tuple(proof for one in packed for proof in one.proofs),
        notes=tuple(notes),
    )
    return tuple(sorted(written, key=lambda file: file.path)), (conversion,)
