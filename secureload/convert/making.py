"""Make the files of a conversion: a folder's, or one set of weights distributed anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from secureload.convert.folder import (
    Folder,
    convert_folder,
    open_file,
    read_json,
    write_small,
)
from secureload.convert.kinds import kind_of
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
from secureload.errors import ConversionError, UsageError
from secureload.flow import ArtifactFile, Conversion

_SUFFIX = ".safetensors"


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


def folder_at(root: Path) -> Folder:
    """All files below `root` but git's own, none with a digest that is expected."""
    files = sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if not path.is_dir() and ".git" not in path.relative_to(root).parts
    )
    return Folder(root=root, files=dict.fromkeys(files))


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
