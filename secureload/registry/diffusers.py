"""Build diffusers pipelines and their parts from an admitted folder of many folders.

`model_index.json` names a library and a class for each part, and diffusers imports what it
names. Only diffusers' and transformers' own classes are built here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from secureload.errors import IntegrityError, UsageError
from secureload.flow import Need
from secureload.registry.backstop import guard
from secureload.registry.library import (
    Call,
    Library,
    check_tree,
    imported,
    original,
    refuse_arguments,
)
from secureload.registry.sealed import handed

_FORBIDDEN = {
    "custom_pipeline": "code in a repository is not run",
    "use_onnx": "ONNX files are not loaded here",
    "provider": "ONNX files are not loaded here",
    "sess_options": "ONNX files are not loaded here",
    "use_flashpack": "the gate chooses the weight files",
    "load_connected_pipeline": "load the other pipeline through secureload and pass its parts",
    "dduf_file": "the gate chooses the files",
}
_DROPPED = frozenset({"use_safetensors", "from_flax", "proxies", "mirror", "custom_revision"})
_CLASS = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def need(name: str, kwargs: Mapping[str, Any]) -> Need:
    """A pipeline needs all its folders, a part its own."""
    return Need(subfolder=str(kwargs.get("subfolder") or ""), variant=kwargs.get("variant"))


def build(call: Call) -> Any:
    """Build what `diffusers.<name>.from_pretrained` builds.

    Raises:
        UsageError: an argument asks for something outside the folder.
        IntegrityError: the folder holds, or its index names, what no admitted model may.
        BackstopError: building tried to unpickle, connect or start a process.
    """
    cls = original("diffusers", call.name)
    refuse_arguments(call.name, call.kwargs, _FORBIDDEN)
    passed = {key: value for key, value in call.kwargs.items() if key not in _DROPPED}
    subfolder = passed.get("subfolder") or ""
    if re.search(r"^[/\\~]|\.\.|:", subfolder):
        raise UsageError(f"{call.name}: subfolder={subfolder!r} leads out of the admitted folder")
    check_tree(call.entry.path / subfolder)
    if not subfolder:
        check_index(call.entry.path / "model_index.json")
    if _has_weights(cls):
        passed["use_safetensors"] = True
    with handed(call.entry) as give, guard():
        built = cls.from_pretrained(str(give.path), *call.args, local_files_only=True, **passed)
        parts = getattr(built, "components", {}) if hasattr(built, "components") else {}
        return give(built, *parts.values())


def check_index(index: Path) -> None:
    """Require that a pipeline's index names classes of diffusers and transformers only.

    Raises:
        IntegrityError: it cannot be read, or names another library's class.
    """
    if not index.is_file():
        return
    try:
        document = json.loads(index.read_text("utf-8"))
        items = dict(document).items()
    except (OSError, ValueError, TypeError) as error:
        raise IntegrityError(f"{index.name} cannot be read: {error}") from error
    pipelines = original("diffusers", "pipelines")
    for part, named in items:
        if part == "_class_name":
            named = ["diffusers", named]
        if not isinstance(named, list) or len(named) != 2 or named[0] is None:
            continue  # a setting, or a part that is left out
        library, class_name = named
        own = library in ("diffusers", "transformers") or (
            isinstance(library, str) and library in getattr(pipelines, "_import_structure", {})
        )
        if not own or not isinstance(class_name, str) or not _CLASS.fullmatch(class_name):
            raise IntegrityError(
                f"{index.name}: `{part}` is {class_name!r} of {library!r}; only classes of "
                "diffusers and transformers are built",
                hint="build that part yourself and pass it to from_pretrained",
            )


def _has_weights(cls: Any) -> bool:
    """Whether a class takes `use_safetensors`; schedulers have no weights."""
    diffusers = imported("diffusers")
    bases = (diffusers.ModelMixin, diffusers.DiffusionPipeline)
    return (isinstance(cls, type) and issubclass(cls, bases)) or cls.__name__.startswith("Auto")


LIBRARY = Library(
    name="diffusers",
    package="diffusers",
    offers=re.compile(r"AutoPipelineFor\w+|[A-Z]\w*Pipeline"),
    default="DiffusionPipeline",
    build=build,
    need=need,
    call=lambda _: "from_pretrained",
)
