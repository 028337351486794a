"""Choose, from names alone, the files a library will need.

Of a dataset that is all of them but programs, for no library says what it will read.

Configuration, tokenizer and processor files always; of the weights, the one set that
transformers would pick, safetensors before the legacy formats; never what only training,
another runtime or a human reader uses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from secureload.errors import NotFoundError, NothingNeededError
from secureload.flow import Listing, Need, Selection

Scope = Literal["needed", "all"]

_TRAINING = re.compile(
    r"training_args\.bin|optimizer(?:_\d+)?\.(?:bin|pt|pth|safetensors)|scheduler\.pt|scaler\.pt"
    r"|rng_state(?:_\d+)?\.pth|trainer_state\.json|zero_to_fp32\.py|global_step\d+"
    r"|events\.out\.tfevents.*|latest"
)
_RUNTIMES = frozenset({"onnx", "openvino", "coreml", "tflite", "original", "metal", "mlx"})
_RUNTIME_SUFFIXES = (
    *(".onnx", ".onnx_data", ".gguf", ".ggml", ".tflite", ".mlmodel", ".mlpackage", ".ot"),
    *(".engine", ".plan", ".nemo", ".llamafile", ".msgpack.index"),
)
_MEDIA = (
    *(".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".bmp", ".mp4", ".mov", ".webm"),
    *(".wav", ".mp3", ".flac", ".ogg", ".pdf", ".ipynb", ".zip", ".tar", ".gz", ".csv", ".parquet"),
)
_CODE = (".py", ".pyc", ".sh", ".so", ".dll", ".dylib", ".exe", ".cu", ".cpp", ".js")
_WEIGHTS = (
    *(".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".h5", ".hdf5", ".keras", ".msgpack"),
    *(".pkl", ".pickle", ".npz", ".npy", ".joblib", ".dill", ".pb"),
)
_INDEX = re.compile(r".+\.index(?:\.[^.]+)?\.json")
_DISTRIBUTED = re.compile(r"shard-\d+-model-\d+-of-\d+\.safetensors")
_TOKENIZER = re.compile(r"tokenizer\.model\.v\d+(?:m\d+)?")
_TEXT = (
    *(".json", ".jsonl", ".txt", ".md", ".jinja", ".model", ".spm", ".bpe", ".tiktoken"),
    *(".vocab", ".dict", ".codes", ".tokenizer", ".yaml", ".yml", ".tsv"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Format:
    """Names of one weight format: the single file is `stem[.variant]suffix`."""

    stem: str
    suffix: str


_MODEL = (
    _Format(stem="model", suffix=".safetensors"),
    _Format(stem="pytorch_model", suffix=".bin"),
    _Format(stem="tf_model", suffix=".h5"),
    _Format(stem="flax_model", suffix=".msgpack"),
)
_DIFFUSERS = (
    _Format(stem="diffusion_pytorch_model", suffix=".safetensors"),
    _Format(stem="diffusion_pytorch_model", suffix=".bin"),
    _Format(stem="diffusion_flax_model", suffix=".msgpack"),
)
_FRAMEWORKS = {
    # Which framework a safetensors file is of, its metadata says; conversion looks there.
    "tensorflow": (_Format(stem="tf_model", suffix=".h5"), _MODEL[0]),
    "flax": (_Format(stem="flax_model", suffix=".msgpack"), _MODEL[0]),
}
_LORA = (
    _Format(stem="pytorch_lora_weights", suffix=".safetensors"),
    _Format(stem="pytorch_lora_weights", suffix=".bin"),
)
_ADAPTER = (
    _Format(stem="adapter_model", suffix=".safetensors"),
    _Format(stem="adapter_model", suffix=".bin"),
)


EVERY_VARIANT = "*"
"""A need's variant for whoever serves others, and does not know which they will ask for."""


def select(listing: Listing, need: Need, *, scope: Scope = "needed") -> Selection:
    """Choose what to fetch; `left` says why each other file is not.

    When no weights are found for a model, `left` has an entry `*` that says so; fetching
    goes on, and the library that loads will name what it misses.

    Raises:
        NothingNeededError: none of the files is one that is needed.
        NotFoundError: the needed subfolder holds no file, or a needed file is not there.
    """
    names = [claim.path for claim in listing.claims]
    if not names:
        raise _nothing(names, need, listing)
    if need.files:
        return _exactly(names, need, listing)
    if need.purpose == "data" and scope != "all":
        return _data(names, need, listing)
    if scope == "all" or need.purpose == "everything" or _is_one_file(listing):
        return Selection(paths=tuple(names), purpose=need.purpose)
    folder = need.subfolder.strip("/")
    if folder and not any(name.startswith(f"{folder}/") for name in names):
        raise NotFoundError(
            f"{listing.source} has no files in the subfolder {folder!r}",
            hint="check `subfolder=` against the files of the model",
        )
    weights = _weights(names, folder, need)
    left = {name: why for name in names if (why := _why_left(name, weights, folder, need))}
    chosen = tuple(name for name in names if name not in left)
    if not chosen:
        raise _nothing(names, need, listing)
    if need.purpose == "model" and not weights:
        left["*"] = "no weights were found under the names that libraries look for"
    return Selection(paths=chosen, left=left, purpose=need.purpose)


def _data(names: list[str], need: Need, listing: Listing) -> Selection:
    """Every file but programs; of a Space, which is one, every file."""
    folder = need.subfolder.strip("/")
    whole = listing.source.repo_type == "space"
    left = {}
    for name in names:
        if folder and not name.startswith(f"{folder}/"):
            left[name] = "is outside the subfolder"
        elif name.lower().endswith(_CODE) and not (whole or (need.code and name.endswith(".py"))):
            left[name] = "is program code"
    chosen = tuple(name for name in names if name not in left)
    if folder and not any(name.startswith(f"{folder}/") for name in names):
        raise NotFoundError(
            f"{listing.source} has no files in the subfolder {folder!r}",
            hint="check `subfolder=` against the files of the dataset",
        )
    if not chosen:
        raise _nothing(names, need, listing)
    return Selection(paths=chosen, left=left, purpose=need.purpose)


def _exactly(names: list[str], need: Need, listing: Listing) -> Selection:
    """The files asked for by path, whatever they are; everything else is left."""
    missing = sorted(set(need.files) - set(names))
    if missing:
        raise NotFoundError(
            f"{listing.source} has no file {missing[0]!r}", hint="check the name and the revision"
        )
    left = {name: "was not asked for" for name in names if name not in need.files}
    return Selection(paths=tuple(sorted(need.files)), left=left, purpose=need.purpose)


_SHOWN = 5
"""File names that a message repeats."""

_WHO = {
    "model": "a model",
    "data": "a reader of data",
    "processor": "a configuration, tokenizer or processor",
}
_LOOKED_FOR = {
    "model": "config.json, model.safetensors, pytorch_model.bin and the like",
    "data": "any file but programs",
    "processor": "config.json, tokenizer.json, preprocessor_config.json and the like",
}


def _nothing(names: list[str], need: Need, listing: Listing) -> NothingNeededError:
    """What was looked for, what is there instead, and what to do about it."""
    if not names:
        return NothingNeededError(
            f"{listing.source} holds no file at all",
            hint="check the name, and the revision or the path",
            commit=listing.commit,
        )
    there = ", ".join(repr(name) for name in sorted(names)[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    local = listing.source.kind == "local"
    instead = (
        "give the model's own folder, or one file by its path"
        if local
        else ("check the name, the revision and the subfolder")
    )
    return NothingNeededError(
        f"{listing.source} has no file that {_WHO[need.purpose]} needs: looked for "
        f"{_LOOKED_FOR[need.purpose]}; there are only {there}{more}",
        hint=f"{instead}; `--everything`, or a policy's `scope: all`, takes every file",
        commit=listing.commit,
    )


def _is_one_file(listing: Listing) -> bool:
    """True when a file was named itself, so that its name decides nothing."""
    location = PurePosixPath(listing.source.location)
    paths = [claim.path for claim in listing.claims]
    return listing.source.kind == "local" and paths == [location.name] and bool(location.suffix)


def _weights(names: Iterable[str], folder: str, need: Need) -> frozenset[str]:
    """The weight files to fetch, of every folder that a library would load from."""
    if need.purpose != "model":
        return frozenset()
    tree: dict[str, set[str]] = {}
    for name in names:
        parent, _, base = name.rpartition("/")
        tree.setdefault(parent, set()).add(base)
    top = tree.get(folder, set())
    many = bool(top & {"model_index.json", "modules.json"})
    inside = f"{folder}/" if folder else ""
    found: set[str] = set()
    for parent, bases in tree.items():
        if parent == folder or (many and parent.startswith(inside) and not _other(parent)):
            prefix = f"{parent}/" if parent else ""
            found.update(f"{prefix}{base}" for base in _best(bases, need))
    return frozenset(found)


def _best(bases: set[str], need: Need) -> set[str]:
    """The best set of weights in one folder, and an adapter's beside it."""
    variant = need.variant
    if need.framework:
        return _first(_FRAMEWORKS[need.framework], bases, variant)
    adapter = _first(_ADAPTER, bases, variant) if "adapter_config.json" in bases else set()
    for formats in (_MODEL, _DIFFUSERS, _LORA):
        if model := _first(formats, bases, variant):
            return adapter | model
    return adapter


def _first(formats: Sequence[_Format], bases: set[str], variant: str | None) -> set[str]:
    """The files of the first format that is there.

    A variant that was asked for goes before the plain weights in any format, because that is
    what transformers would load.
    """
    if variant == EVERY_VARIANT:
        kinds = {None, *_variants(formats, bases)}
        return set().union(*(_first(formats, bases, kind) for kind in kinds))
    for kind in (variant, None) if variant else (None,):
        for form in formats:
            if found := _files(form, bases, kind):
                return found
    return set()


def _variants(formats: Sequence[_Format], bases: set[str]) -> set[str]:
    """The variants of which a folder has weights in any of these formats."""
    names = [
        re.compile(
            rf"{re.escape(form.stem)}(?:\.(?P<one>[\w-]+){re.escape(form.suffix)}"
            rf"|{re.escape(form.suffix)}\.index\.(?P<many>[\w-]+)\.json)"
        )
        for form in formats
    ]
    found = (name.fullmatch(base) for name in names for base in bases)
    return {match["one"] or match["many"] for match in found if match}


def _files(form: _Format, bases: set[str], variant: str | None) -> set[str]:
    """One file, or an index and its shards; shards are told by their names."""
    dot = f".{variant}" if variant else ""
    single = f"{form.stem}{dot}{form.suffix}"
    if single in bases:
        return {single}
    index = f"{form.stem}{form.suffix}.index{dot}.json"
    if index not in bases:
        return set()
    stem, mark = re.escape(form.stem), re.escape(dot)
    shard = re.compile(rf"{stem}(?:{mark})?-\d+-of-\d+(?:{mark})?{re.escape(form.suffix)}")
    return {index} | {base for base in bases if shard.fullmatch(base)}


_Reason = Callable[[PurePosixPath], bool]
_REASONS: tuple[tuple[_Reason, str], ...] = (
    (lambda p: p.name.startswith(".git"), "belongs to git"),
    (lambda p: bool(_DISTRIBUTED.fullmatch(p.name)), "is a distributed checkpoint's shard"),
    (lambda p: any(_TRAINING.fullmatch(part) for part in p.parts), "is only used in training"),
    (lambda p: p.name.endswith(_CODE), "is program code"),
    (lambda p: p.name.endswith(_RUNTIME_SUFFIXES), "is for another runtime"),
    (lambda p: _other(str(p.parent)), "is for another runtime"),
    (lambda p: p.name.endswith(_MEDIA), "is media or data"),
)


def _why_left(name: str, weights: frozenset[str], folder: str, need: Need) -> str:
    if name in weights or (need.code and name.endswith(".py")):
        return ""
    path = PurePosixPath(name.lower())
    for applies, why in _REASONS:
        if applies(path):
            return why
    if path.name.endswith(_WEIGHTS) or _INDEX.fullmatch(path.name):
        if need.purpose == "processor":
            return "holds weights, which a processor does not need"
        return "is another form or variant of the weights"
    if path.suffix and not path.name.endswith(_TEXT) and not _TOKENIZER.fullmatch(path.name):
        return "is of no kind that a library reads"
    return ""


def _other(folder: str) -> bool:
    return any(part.lower() in _RUNTIMES for part in PurePosixPath(folder).parts)
