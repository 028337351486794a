"""What a file of this folder declares: a library whose objects are built from admitted folders."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secureload.errors import IntegrityError, SecureloadError, UsageError
from secureload.flow import CacheEntry, Need

_UNSAFE = re.compile(
    r".*\.(?:bin|pt|pth|ckpt|pkl|pickle|joblib|npy|h5|hdf5|keras|msgpack|gguf|py|pyc|so|dll|dylib)"
    r"|shard-\d+-model-\d+-of-\d+\.safetensors",
    re.IGNORECASE,
)
"""File names that no admitted folder holds."""


Admit = Callable[[CacheEntry, str, str | None], CacheEntry]
"""Admits a repository that a folder asks for besides, by name and revision: an adapter's base."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a library's own front: its class or function, and the arguments left for it.

    `args` and `kwargs` are the caller's, without the reference and without what the gate
    answered (revision, token, cache folder, policy).
    """

    name: str
    entry: CacheEntry
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    admit: Admit


@dataclass(frozen=True, kw_only=True)
class Library:
    """A library behind the gate.

    `name` is the prefix in `secureload.load("name:reference")`, `package` what is imported,
    `offers` the names of its classes and functions that `secureload` offers, `default` the
    one that `secureload.load` takes. `call` says how a front is called: by `from_pretrained`,
    by its name, or by `from_pretrained` with the model before the reference. `aliases` are
    the library's own words for arguments that the gate answers.
    """

    name: str
    package: str
    offers: re.Pattern[str]
    default: str
    build: Callable[[Call], Any]
    need: Callable[[str, Mapping[str, Any]], Need]
    call: Callable[[str], str]
    reference: Callable[[str, Mapping[str, Any]], str | None] = lambda text, _: text
    aliases: Mapping[str, str] = field(default_factory=dict)


def imported(package: str) -> Any:
    """An installed library, imported.

    Some put another object in their module's place while they are imported, and a thread that
    waited for that import is given the first one, which has nothing in it.

    Raises:
        ImportError: it is not installed, or lacks something.
    """
    importlib.import_module(package)
    return sys.modules[package]


def original(package: str, name: str) -> Any:
    """A class or function of an installed library.

    Raises:
        SecureloadError: the library, or what the class needs, is not installed.
        UsageError: it has no such class.
    """
    try:
        return getattr(imported(package), name)
    except (ImportError, RuntimeError) as error:
        raise SecureloadError(
            f"{package} cannot provide {name}: {error}", hint=f"install {package}"
        ) from error
    except AttributeError as error:
        raise UsageError(f"the installed {package} has no {name!r}") from error


def refuse_arguments(name: str, kwargs: Mapping[str, Any], forbidden: Mapping[str, str]) -> None:
    """Refuse arguments that lead out of the admitted folder.

    Raises:
        UsageError: one of `forbidden` is set; the message says why it may not be.
    """
    for key, why in forbidden.items():
        if kwargs.get(key):
            raise UsageError(f"{name}: {key}={kwargs[key]!r} is not accepted: {why}")


def check_folder(folder: Path, *, but: frozenset[Path] = frozenset()) -> None:
    """Require that a folder about to be loaded holds only what an admitted folder may hold.

    `but` are files that may be there all the same.

    Raises:
        IntegrityError: it does not exist, or holds a pickle, code or a foreign shard.
    """
    if not folder.is_dir():
        raise IntegrityError(f"{folder} is not in the admitted model", hint="check `subfolder`")
    _check(path for path in folder.iterdir() if path not in but)


def check_tree(folder: Path) -> None:
    """Require the same of a folder and of all below it.

    Raises:
        IntegrityError: see `check_folder`.
    """
    check_folder(folder)
    _check(folder.rglob("*"))


def _check(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_file() and _UNSAFE.fullmatch(path.name):
            raise IntegrityError(
                f"{path.name} does not belong in an admitted model",
                hint="`secureload cache verify` tells what has changed",
            )
