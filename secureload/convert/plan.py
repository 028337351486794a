"""Which file of a model folder becomes what, decided from names and kinds alone."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from scanner.frozen import dataclass
from scanner.patterns import pattern
from secureload.errors import ConversionError

_EXTENSIONS = (
    *("bin", "pt", "pth", "ckpt", "pkl", "pickle", "tar", "t7", "th", "model", "data"),
    *("h5", "msgpack"),
)
_WEIGHTS = pattern(rf"^(?P<stem>.+)\.(?:{'|'.join(_EXTENSIONS)})$", re.IGNORECASE)
_INDEX = pattern(
    rf"^(?P<stem>.+)\.(?:{'|'.join(_EXTENSIONS)}|safetensors)\.index(?P<variant>\.[^./]+)?\.json$"
)
_SHARD = pattern(r"^(?P<stem>.+)-\d{5}-of-\d{5}$")
_SAFETENSORS = ".safetensors"


class Kind(enum.Enum):
    """What a file is, by its content."""

    WEIGHTS = "weights"
    """Tensors in a format that can be converted."""
    SAFETENSORS = "safetensors"
    LEFT = "left"
    """Weights of another framework, dropped where PyTorch's are beside them."""
    OTHER = "other"


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Files that make up one set of weights.

    `inputs` become `outputs`, one to one; `index` and `new_index` name the JSON that says
    which tensor lies where, None for a single file.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    index: str | None = None
    new_index: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What happens to each file: copied, converted, or dropped with the reason given."""

    copies: tuple[str, ...]
    groups: tuple[Group, ...]
    dropped: Mapping[str, str]


def plan_folder(kinds: Mapping[str, Kind], read_index: Callable[[str], Mapping[str, Any]]) -> Plan:
    """Plan a folder from the kind of each path in it.

    `read_index` gives the parsed content of an index file.

    Raises:
        ConversionError: an index names what is not there or lies elsewhere, or weights are
            in a format that has no converter.
    """
    dropped: dict[str, str] = {}
    kinds = _with_foreign(kinds, dropped)
    safe = {set_of(path) for path, kind in kinds.items() if kind is Kind.SAFETENSORS}
    groups: list[Group] = []
    grouped: set[str] = set()
    for path in sorted(kinds):
        if kinds[path] is not Kind.OTHER or not _INDEX.match(_base(path)):
            continue
        shards = index_shards(path, read_index(path))
        missing = [shard for shard in shards if shard not in kinds]
        legacy = [shard for shard in shards if kinds.get(shard) is Kind.WEIGHTS]
        if set_of(path) in safe and not path_is_safetensors_index(path):
            dropped[path] = "the same weights are there as safetensors"
        elif missing:
            raise ConversionError(
                f"{path} names {missing[0]}, which is not there",
                hint="fetch all shards, or ask the publisher for a complete checkpoint",
            )
        elif len(legacy) == len(shards):
            grouped.update(shards)
            groups.append(
                Group(
                    inputs=tuple(shards),
                    outputs=tuple(renamed(shard) for shard in shards),
                    index=path,
                    new_index=renamed(path),
                )
            )
        elif any(kinds[shard] is not Kind.SAFETENSORS for shard in shards):
            wrong = next(shard for shard in shards if kinds[shard] is not Kind.SAFETENSORS)
            raise ConversionError(
                f"{path} names {wrong}, which is not the kind of file its others are",
                hint="an index must name weights of one format in its own folder",
            )
    for path, kind in sorted(kinds.items()):
        if kind is Kind.WEIGHTS and set_of(path) in safe:
            dropped[path] = "the same weights are there as safetensors"
        elif kind is Kind.WEIGHTS and path not in grouped:
            groups.append(Group(inputs=(path,), outputs=(renamed(path),)))
    used = grouped.union(dropped, *(group.inputs for group in groups))
    used.update(group.index for group in groups if group.index)
    copies = tuple(path for path in sorted(kinds) if path not in used)
    return Plan(copies=copies, groups=_distinct(groups, copies), dropped=dropped)


def only_of(framework: str, kinds: Mapping[str, Kind]) -> tuple[dict[str, Kind], dict[str, str]]:
    """Leave out PyTorch's weights where a folder has those of `framework`; say which and why.

    Raises:
        ConversionError: no folder has any.
    """
    ending = {"tensorflow": ".h5", "flax": ".msgpack"}[framework]
    # Files of safetensors are of either framework: their metadata has made them LEFT.
    wanted = {
        path
        for path, kind in kinds.items()
        if kind is Kind.LEFT and path.endswith((ending, _SAFETENSORS))
    }
    if not wanted:
        raise ConversionError(
            f"there are no weights here that {framework} wrote",
            hint="leave out from_tf and from_flax to load PyTorch's",
        )
    folders = {_folder(path) for path in wanted}
    indexes = tuple({f".{path.rpartition('.')[2]}.index" for path in wanted})
    unwanted = {
        path: f"the weights that {framework} wrote were asked for"
        for path, kind in kinds.items()
        if _folder(path) in folders
        and path not in wanted
        and (
            kind in {Kind.WEIGHTS, Kind.SAFETENSORS, Kind.LEFT}
            or (_INDEX.match(_base(path)) and not any(one in _base(path) for one in indexes))
        )
    }
    return {path: kind for path, kind in kinds.items() if path not in unwanted}, unwanted


def renamed(path: str) -> str:
    """Give the safetensors name of a legacy weights file, or of its index.

    `pytorch_model.fp16.bin` becomes `model.fp16.safetensors`, as the libraries expect.
    """
    folder, base = path[: -len(_base(path))], _base(path)
    if base.endswith(_SAFETENSORS):
        return path
    index = _INDEX.match(base)
    if index:
        variant = index["variant"] or ""
        return f"{folder}{_stem(index['stem'])}{_SAFETENSORS}.index{variant}.json"
    weights = _WEIGHTS.match(base)
    return f"{folder}{_stem(weights['stem'] if weights else base)}{_SAFETENSORS}"


def index_shards(path: str, index: Mapping[str, Any]) -> list[str]:
    """List the files that an index names, as paths beside it, in order.

    Raises:
        ConversionError: it is no index, or a name points out of its folder.
    """
    names = index.get("weight_map")
    if (
        not isinstance(names, dict)
        or not names
        or not all(isinstance(n, str) for n in names.values())
    ):
        raise ConversionError(
            f"{path}: no `weight_map` of tensor names to file names",
            hint="fetch the index again, or remove it if the model is one file",
        )
    folder = path[: -len(_base(path))]
    for name in names.values():
        if not name or name in (".", "..") or set(name) & set("/\\\0"):
            raise ConversionError(
                f"{path} names {name!r}, which lies outside its folder",
                hint="an index may name files beside it only; do not trust this model",
            )
    return [folder + name for name in sorted(set(names.values()))]


def path_is_safetensors_index(path: str) -> bool:
    """Whether this is the index of safetensors shards, by its name."""
    return f"{_SAFETENSORS}.index" in _base(path)


def is_index(path: str) -> bool:
    """Whether this is the index of shards of any format, by its name."""
    return ".index" in path and _INDEX.match(_base(path)) is not None


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _stem(stem: str) -> str:
    for name in ("pytorch_model", "tf_model", "flax_model"):
        if stem == name or stem.startswith((f"{name}.", f"{name}-")):
            return f"model{stem.removeprefix(name)}"
    return stem


def set_of(path: str) -> tuple[str, str]:
    """Return the folder and stem that all files of one set of weights share."""
    folder, base = path[: -len(_base(path))], _base(path)
    index = _INDEX.match(base)
    if index:
        return folder, _stem(index["stem"]) + (index["variant"] or "")
    stem = _stem(base.removesuffix(_SAFETENSORS))
    if not base.endswith(_SAFETENSORS):
        stem = renamed(base).removesuffix(_SAFETENSORS)
    shard = _SHARD.match(stem)
    return folder, shard["stem"] if shard else stem


def _with_foreign(kinds: Mapping[str, Kind], dropped: dict[str, str]) -> dict[str, Kind]:
    """Take other frameworks' weights as weights where a folder has none of PyTorch's.

    Where a folder has TensorFlow's and Flax's, one of the two is enough.
    """
    settled = dict(kinds)
    own = {Kind.WEIGHTS, Kind.SAFETENSORS}
    folders = {_folder(path) for path, kind in kinds.items() if kind in own}
    taken: dict[str, str] = {}
    for path in sorted(kinds, key=lambda path: (path.endswith(".msgpack"), path)):
        if kinds[path] is not Kind.LEFT:
            continue
        folder, ending = _folder(path), path.rpartition(".")[2]
        if folder not in folders and taken.setdefault(folder, ending) == ending:
            settled[path] = Kind.WEIGHTS
            continue
        dropped[path] = "weights of another framework; there are others for PyTorch"
        del settled[path]
        stem = path.removesuffix(f".{ending}")
        shard = _SHARD.match(stem)
        index = f"{shard['stem'] if shard else stem}.{ending}.index.json"
        if index in settled:
            dropped[index] = dropped[path]
            del settled[index]
    return settled


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _distinct(groups: Iterable[Group], copies: Iterable[str]) -> tuple[Group, ...]:
    """Give a longer name to weights whose output would meet another file's."""
    taken = set(copies)
    result = []
    # Files that a library looks for by name come first and keep it.
    for group in sorted(groups, key=lambda g: (g.index is None, not _known(g), g.inputs)):
        outputs = group.outputs
        if taken.intersection(outputs):
            outputs = tuple(path + _SAFETENSORS for path in group.inputs)
        if taken.intersection(outputs):
            raise ConversionError(
                f"{group.inputs[0]} would overwrite {outputs[0]}", hint="rename one of the two"
            )
        taken.update(outputs)
        result.append(
            Group(
                inputs=group.inputs,
                outputs=outputs,
                index=group.index,
                new_index=group.new_index,
            )
        )
    return tuple(result)


def _known(group: Group) -> bool:
    return _base(group.inputs[0]).startswith(("pytorch_model", "diffusion_pytorch_model"))
