"""LoRA weights for diffusers: the one file that is asked for is admitted, whatever its name.

Publishers name these files as they like, and diffusers takes the one that a caller names, or
guesses among all that the repository has. The guess is made here from the names alone, so
that nothing else is fetched; the library then loads that file from its admitted folder.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from secureload.enforce import admissions, state
from secureload.enforce.admissions import Asked
from secureload.enforce.divert import divert_in
from secureload.enforce.hub_api import token_of
from secureload.enforce.imports import FINDER

_REFERENCE = "pretrained_model_name_or_path_or_dict"
_USUAL = ("pytorch_lora_weights.bin", "pytorch_lora_weights.safetensors")
_NO_LORA = ("scheduler", "optimizer", "checkpoint")
"""What diffusers takes for the name of something else."""


def install() -> None:
    """Hook diffusers' reader of LoRA weights as soon as its module is loaded."""
    FINDER.add("diffusers.loaders.lora_base", _hook)


def _hook(module: ModuleType) -> None:
    # A version without it has another door, whose files are judged all the same.
    if hasattr(module, "_fetch_state_dict"):
        divert_in(module, "_fetch_state_dict", _admitting)


def _admitting(original: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(original)

    def fetch(*args: Any, **options: Any) -> Any:
        bound = signature.bind(*args, **options)
        given = bound.arguments.get(_REFERENCE)
        if state.doing.inside or not isinstance(given, (str, os.PathLike)):
            return original(*args, **options)
        reference = str(os.fspath(given))
        if os.path.isfile(reference) or admissions.holds(os.path.abspath(reference)):  # noqa: PTH100, PTH113
            return original(*args, **options)
        found = _admitted(reference, bound.arguments)
        if found is None:
            return original(*args, **options)
        folder, name = found
        bound.arguments |= {_REFERENCE: folder, "weight_name": name, "subfolder": None}
        return original(*bound.args, **bound.kwargs)

    return fetch


def _admitted(reference: str, arguments: dict[str, Any]) -> tuple[str, str] | None:
    """The admitted folder and the file's name in it; None where the library will say why not.

    Raises:
        Refused: the policy says no.
        SecureloadError: a local folder about which no decision was reached.
    """
    from secureload.errors import NotFoundError, Refused, SecureloadError
    from secureload.flow import Need

    local = os.path.isdir(reference)  # noqa: PTH112  as the library asks
    revision = arguments.get("revision")
    asked = Asked(
        token=token_of(arguments.get("token")),
        offline=bool(arguments.get("local_files_only")),
        force=bool(arguments.get("force_download")),
    )
    try:
        name = _named(arguments) or _guess(
            admissions.names(reference, revision, asked, local=local),
            legacy_first=not arguments.get("use_safetensors", True),
        )
        if name is None:
            return None
        need = Need(files=(name,))
        entry = (
            admissions.folder(reference, need)
            if local
            else admissions.repository(reference, revision, asked, need)
        )
    except Refused:
        raise
    except SecureloadError as error:
        if local and not isinstance(error, NotFoundError):
            raise
        return None
    if any(file.path == name for file in entry.files):
        return str(entry.path), name
    made = [path for done in entry.conversions if name in done.inputs for path in done.outputs]
    weights = [path for path in made if path.endswith(".safetensors")]
    return (str(entry.path), weights[0]) if len(weights) == 1 else None


def _named(arguments: dict[str, Any]) -> str | None:
    """The file that a caller names."""
    name, folder = arguments.get("weight_name"), arguments.get("subfolder")
    if not isinstance(name, str) or not name:
        return None
    return f"{folder.strip('/')}/{name}" if isinstance(folder, str) and folder else name


def _guess(names: Iterable[str], *, legacy_first: bool) -> str | None:
    """The file that diffusers would take: of its usual name, else the first; safe ones first."""
    every = [name for name in names if not any(word in name for word in _NO_LORA)]
    for suffix in (".bin",) if legacy_first else (".safetensors", ".bin"):
        fitting = [name for name in every if name.endswith(suffix)]
        usual = [name for name in fitting if name.endswith(_USUAL)]
        if fitting:
            return (usual or fitting)[0]
    return None
