"""Build `TFAutoModelFor*` models from an admitted folder, in an environment of their own.

transformers 5 has no TensorFlow classes, so this runs where `requirements-tf.txt` is
installed (transformers 4.54.1, no torch) and not beside the rest of the package; it imports
nothing of secureload but the errors and the backstop. `docs/tensorflow.md` is the recipe.

transformers 4 guards little of what it opens: it takes an `.h5` or a `.bin` in place of the
safetensors it was asked for, and follows an index file out of the folder. So the folder is
checked first, and holds safetensors in PyTorch's layout, JSON and text, or is refused.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import inspect
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secureload.errors import IntegrityError, SecureloadError, ToolError, UsageError
from secureload.registry.backstop import guard

RECIPE = "docs/tensorflow.md has the recipe, requirements-tf.txt the versions"
SERIES = "4.54."
"""The transformers this works with; from 4.55 on TensorFlow classes cannot read
PyTorch-layout safetensors (transformers issue 40028), and 5.0 has none."""

_PLAIN = frozenset(
    {
        *(".safetensors", ".json", ".jsonl", ".txt", ".md", ".jinja", ".model", ".spm", ".bpe"),
        *(".tiktoken", ".vocab", ".dict", ".codes", ".tokenizer", ".yaml", ".yml", ".tsv"),
    }
)
"""Suffixes of what an admitted folder holds; none of these is ever executed."""

_CODE_KEYS = re.compile(r"auto_map|custom_(?:pipelines?|generate)|_?attn_implementation\w*")
_NAMING = (str, bool, list, dict)
_CLASS = re.compile(r"TFAutoModel\w*")
_COUNTER = re.compile(r"\.num_batches_tracked$")
"""PyTorch's batch counters, which TensorFlow's layers do not have or need."""

_ENVIRONMENT = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TRANSFORMERS_OFFLINE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "USE_FLAX": "0",
    "USE_TF": "1",
    "USE_TORCH": "0",
}


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A built TensorFlow model; `unused` names the folder's tensors it has no place for."""

    model: Any
    unused: tuple[str, ...] = ()


def load(
    class_name: str, folder: str | os.PathLike[str], *, allow_new_weights: bool = False
) -> Loaded:
    """Build what `transformers.<class_name>.from_pretrained` builds, from this folder alone.

    `folder` is the `path` of an admitted entry. With `allow_new_weights` a head that the
    checkpoint lacks is initialised at random, which is where fine-tuning starts. The process
    stays offline, as far as the hub's libraries go, from the first call on.

    Raises:
        UsageError: there is no such TensorFlow class, or the model has no TensorFlow version.
        IntegrityError: the folder holds something that no admitted folder holds, or lacks
            weights that the model needs.
        ToolError: this is not the environment that `requirements-tf.txt` describes.
        BackstopError: building tried to unpickle, connect or start a process.
    """
    root = Path(folder)
    if not _CLASS.fullmatch(class_name):
        raise UsageError(f"{class_name!r} is not one of transformers' TFAutoModel classes")
    check_folder(root)
    check_environment()
    cls = _original(class_name)
    try:
        with guard():
            model, info = cls.from_pretrained(
                str(root),
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except SecureloadError:
        raise
    except Exception as error:  # transformers and TensorFlow share no base class
        raise UsageError(
            f"{class_name} cannot be built from {root.name}: {_brief(error)}",
            hint="not every architecture has this TensorFlow class; "
            f"secureload.{class_name[2:]} builds the same model in PyTorch",
        ) from error
    lacking = [*info["missing_keys"], *(str(key[0]) for key in info["mismatched_keys"])]
    if lacking and not allow_new_weights:
        raise IntegrityError(
            f"{root.name} lacks weights that {class_name} needs: {_some(lacking)}",
            hint="choose the class the checkpoint was made for, or allow new weights "
            "(allow_new_weights=True, --allow-new-weights) to train them",
        )
    unused = sorted(key for key in info["unexpected_keys"] if not _COUNTER.search(key))
    return Loaded(model=model, unused=tuple(unused))


def predict(model: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Call the model, without training, on named numpy arrays; return its named arrays.

    Nested outputs have dotted names, `past_key_values.0.1`.

    Raises:
        UsageError: the model takes no input of that name, or cannot be called with these.
    """
    known = input_names(model)
    if not inputs or not known.issuperset(inputs):
        raise UsageError(
            f"{type(model).__name__} takes no input {_some(sorted(set(inputs) - known))}"
            if inputs
            else "there are no inputs",
            hint=f"it takes {_some(sorted(known))}",
        )
    tensorflow = importlib.import_module("tensorflow")
    try:
        with guard():
            tensors = {name: tensorflow.constant(array) for name, array in inputs.items()}
            outputs = model(**tensors, training=False, return_dict=True)
            return {name: tensor.numpy() for name, tensor in _flat("", outputs)}
    except SecureloadError:
        raise
    except Exception as error:  # TensorFlow's and Keras' errors share no base class
        raise UsageError(
            f"{type(model).__name__} cannot be called with these inputs: {_brief(error)}",
            hint="shapes and integer types must be those its tokenizer or processor gives",
        ) from error


def input_names(model: Any) -> frozenset[str]:
    """The names of the tensors that a model can be called with."""
    options = {"training", "return_dict", "use_cache", "kwargs"}
    names = inspect.signature(model.call).parameters.keys() - options
    return frozenset(name for name in names if not name.startswith("output_"))


def check_folder(folder: Path) -> None:
    """Require a folder as the gate writes it: safetensors for PyTorch, JSON and text.

    Raises:
        IntegrityError: it holds a link, a device, another kind of file, settings that name
            code, weights in another framework's layout, or no weights at all.
    """
    if not folder.is_dir():
        raise IntegrityError(f"{folder} is not a folder", hint="give an admitted entry's `path`")
    names = {str(path.relative_to(folder)) for path in _plain_files(folder)}
    config = _json(folder, "config.json")
    if code := sorted({key for key in _keys(config) if _CODE_KEYS.fullmatch(key)}):
        raise _foreign(f"config.json names code: {_some(code)}")
    if "model.safetensors" in names:
        weights = {"model.safetensors"}
    else:
        weight_map = _json(folder, "model.safetensors.index.json").get("weight_map")
        weights = set(map(str, weight_map.values())) if isinstance(weight_map, dict) else set()
        # The files found are below the folder, and no link: a name among them leads nowhere else.
        if not weights or not weights <= names:
            raise _foreign(f"its index names {_some(sorted(weights - names)) or 'no file'}")
    for name in sorted(weights):
        layout = _layout(folder / name)
        if layout != "pt":
            raise _foreign(f"{name} is in the layout {layout!r}, not PyTorch's")


def check_environment() -> None:
    """Require the environment of `requirements-tf.txt`.

    Raises:
        ToolError: transformers is of another series, TensorFlow or Keras 2 is missing, or
            torch or kernels is installed.
    """
    try:
        version = importlib.metadata.version("transformers")
    except importlib.metadata.PackageNotFoundError:
        version = "missing"
    if not version.startswith(SERIES):
        raise ToolError(
            f"TensorFlow classes need transformers {SERIES}x; here it is {version}", hint=RECIPE
        )
    for module in ("tensorflow", "tf_keras", "safetensors"):
        if importlib.util.find_spec(module) is None:
            raise ToolError(f"{module} is not installed", hint=RECIPE)
    for module in ("torch", "kernels"):
        if importlib.util.find_spec(module) is not None:
            raise ToolError(
                f"{module} is installed; the TensorFlow environment must not have it", hint=RECIPE
            )


def _original(class_name: str) -> Any:
    os.environ.update(_ENVIRONMENT)
    try:
        return getattr(importlib.import_module("transformers"), class_name)
    except AttributeError as error:
        raise UsageError(f"transformers has no class {class_name}", hint=RECIPE) from error
    except (ImportError, RuntimeError) as error:
        raise ToolError(
            f"transformers cannot provide {class_name}: {_brief(error)}", hint=RECIPE
        ) from error


def _plain_files(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder, onerror=_unreadable):
        for path in (Path(parent, name) for name in (*folders, *files)):
            mode = path.lstat().st_mode  # a link to a folder is no folder here
            if stat.S_ISREG(mode) and path.suffix in _PLAIN:
                yield path
            elif not stat.S_ISDIR(mode):
                raise _foreign(f"{path.relative_to(folder)} does not belong in it")


def _unreadable(error: OSError) -> None:
    raise _foreign(f"it cannot be read: {error.strerror}") from error


def _json(folder: Path, name: str) -> dict[str, Any]:
    try:
        document = json.loads((folder / name).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _foreign(f"{name} cannot be read: {_brief(error)}") from error
    if not isinstance(document, dict):
        raise _foreign(f"{name} is not a JSON object")
    return document


def _keys(value: Any) -> Iterator[str]:
    """Yield every key of a JSON document whose value could name something.

    A number names nothing: a label may well be called `auto_map`.
    """
    pending = [value]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            yield from (key for key, held in value.items() if isinstance(held, _NAMING))
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)


def _layout(path: Path) -> str | None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as opened:
            return (opened.metadata() or {}).get("format")
    except (SafetensorError, OSError) as error:
        raise _foreign(f"{path.name} is not safetensors: {_brief(error)}") from error


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, held in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), held)
    elif isinstance(value, (tuple, list)):
        for position, held in enumerate(value):
            yield from _flat(f"{name}.{position}" if name else str(position), held)
    elif hasattr(value, "numpy"):
        yield name, value
    elif value is not None:
        raise UsageError(f"the model's output {name} is no tensor but {type(value).__name__}")


def _foreign(what: str) -> IntegrityError:
    return IntegrityError(
        f"this is not a folder that the gate wrote: {what}",
        hint="`secureload admit` the model where secureload is installed, "
        "and give the path it prints",
    )


def _brief(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(f"`{name}`" for name in names[:8]) + more
