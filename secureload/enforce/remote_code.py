"""Python in a repository: `trust_remote_code=True` runs what the policy approved, and nothing else.

The libraries fetch a repository's module, copy it into a folder of their own and import it
from there. For transformers that folder, for as long as one load takes, is a private one, and
what is fetched is the approved code, sealed in memory after it was hashed: see
`registry.code`. Any other fetch or import is refused, and so is all code for diffusers.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from secureload.enforce import admissions
from secureload.enforce.divert import divert_in
from secureload.enforce.imports import FINDER

if TYPE_CHECKING:
    from secureload.flow import CacheEntry

_LIBRARIES = (
    "transformers.dynamic_module_utils",
    "diffusers.utils.dynamic_modules_utils",
)


def install() -> None:
    """Hook both libraries' ways to run a repository's Python."""
    for name in _LIBRARIES:
        FINDER.add(name, _hook)


@contextlib.contextmanager
def running(entry: CacheEntry) -> Iterator[tuple[Path, Callable[[Any], Any]]]:
    """A folder for transformers to build from, code and all, and what to call with the result.

    Meanwhile this thread starts no process and opens no connection.

    Raises:
        IntegrityError: a file, or a module to be imported, has other bytes than approved.
    """
    from secureload.registry import code
    from secureload.registry.backstop import guard

    with code.running(entry) as (folder, give), admissions.sealed(folder), guard():
        yield folder, give


def _hook(module: ModuleType) -> None:
    divert_in(module, "get_cached_module_file", _fetch)
    divert_in(module, "get_class_in_module", _import)


def _fetch(original: Callable[..., Any]) -> Callable[..., Any]:
    def get_cached_module_file(
        pretrained_model_name_or_path: Any, module_file: str, *args: Any, **options: Any
    ) -> Any:
        reference = os.fspath(pretrained_model_name_or_path)
        if not original.__module__.startswith("transformers."):
            _refuse(reference, module_file, "is run by transformers alone")
        if not admissions.is_sealed(os.path.abspath(reference)):  # noqa: PTH100
            _refuse(
                reference,
                module_file,
                "runs only where the policy approved it, and from_pretrained or pipeline was "
                "given trust_remote_code=True",
            )
        found = original(pretrained_model_name_or_path, module_file, *args, **options)
        _fetched.add(os.fspath(found))
        return found

    return get_cached_module_file


def _import(original: Callable[..., Any]) -> Callable[..., Any]:
    def get_class_in_module(class_name: str, module_path: Any, *args: Any, **options: Any) -> Any:
        if os.fspath(module_path) not in _fetched:
            _refuse(str(module_path), class_name, "was not fetched through the gate")
        return original(class_name, module_path, *args, **options)

    return get_class_in_module


_fetched: set[str] = set()
"""Modules, by the path the library has for them, that came out of a sealed folder."""


def _refuse(reference: str, module: str, why: str) -> None:
    from secureload.enforce import judge

    raise judge.refuse(
        reference,
        "remote-code",
        f"`{module}` is Python of the repository, which {why}",
        "spec.remoteCode",
    )
