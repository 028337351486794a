"""Python in a repository: `trust_remote_code` runs nothing that was not admitted.

The libraries fetch a repository's module, copy it into a folder of their own and import it
from there. The fetch is refused unless the admitted folder holds that very module, which the
policy decides; the import is refused for what was not fetched this way.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from secureload.enforce import admissions
from secureload.enforce.admissions import Asked
from secureload.enforce.divert import divert_in
from secureload.enforce.imports import FINDER

_LIBRARIES = (
    "transformers.dynamic_module_utils",
    "diffusers.utils.dynamic_modules_utils",
)


def install() -> None:
    """Hook both libraries' ways to run a repository's Python."""
    for name in _LIBRARIES:
        FINDER.add(name, _hook)


def _hook(module: ModuleType) -> None:
    divert_in(module, "get_cached_module_file", _fetch)
    divert_in(module, "get_class_in_module", _import)


def _fetch(original: Callable[..., Any]) -> Callable[..., Any]:
    def get_cached_module_file(
        pretrained_model_name_or_path: Any, module_file: str, *args: Any, **options: Any
    ) -> Any:
        reference = os.fspath(pretrained_model_name_or_path)
        if not _admitted(reference, module_file, options):
            _refuse(reference, module_file)
        found = original(pretrained_model_name_or_path, module_file, *args, **options)
        _fetched.add(os.fspath(found))
        return found

    return get_cached_module_file


def _import(original: Callable[..., Any]) -> Callable[..., Any]:
    def get_class_in_module(class_name: str, module_path: Any, *args: Any, **options: Any) -> Any:
        if os.fspath(module_path) not in _fetched:
            _refuse(str(module_path), class_name)
        return original(class_name, module_path, *args, **options)

    return get_class_in_module


_fetched: set[str] = set()
"""Modules, by the path the library has for them, that came out of an admitted folder."""


def _admitted(reference: str, module_file: str, options: dict[str, Any]) -> bool:
    """Whether the admitted folder holds this module."""
    if Path(reference).is_dir():
        place = os.path.abspath(reference)  # noqa: PTH100
        return admissions.holds(place) and (Path(place) / module_file).is_file()
    if reference == "local" or not reference:
        return False
    asked = Asked(token=options.get("token"), offline=bool(options.get("local_files_only")))
    entry = admissions.repository(reference, options.get("revision"), asked)
    return any(file.path == module_file for file in entry.files)


def _refuse(reference: str, module: str) -> None:
    from secureload.enforce import judge

    raise judge.refuse(
        reference,
        "remote-code",
        f"`{module}` is Python of the repository, and it was not admitted",
        "spec.remoteCode",
    )
