"""Run code that a policy approved by digest: exactly those bytes, from a private place.

transformers copies a repository's modules into a folder and imports them from there. Here
that folder is new, private to this process and under a name nobody can guess; every file in
it is compared with what was approved before it is imported.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import os
import secrets
import shutil
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from secureload.code import MANIFEST, read_manifest
from secureload.errors import IntegrityError
from secureload.flow import CacheEntry, CodeSet
from secureload.registry.sealed import SealedFolder, rename

_lock = threading.RLock()


def _forked() -> None:
    """In a forked child: whoever held the lock elsewhere is not there to open it."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)

_EMPTY = hashlib.sha256(b"").hexdigest()


def has_code(entry: CacheEntry) -> bool:
    """Whether the policy approved code for this admission."""
    return any(file.path == MANIFEST for file in entry.files)


@contextlib.contextmanager
def running(entry: CacheEntry) -> Iterator[tuple[Path, Any]]:
    """A folder to load from with `trust_remote_code`, and what to call with what was built.

    It holds the admitted files, the code and configurations sealed in memory after hashing,
    with what names the code put back; while this lasts, transformers imports nothing else.

    Raises:
        IntegrityError: a file, or a module to be imported, has other bytes than approved.
    """
    weights = [] if entry.hash_on_load else _weights(entry)
    folder = SealedFolder(entry, leave=weights)
    try:
        code = read_manifest((folder.path / MANIFEST).read_bytes())
        recorded = {file.path: file.sha256 for file in entry.files}
        if any(recorded.get(file.path) != file.sha256 for file in code.files):
            raise IntegrityError(f"{MANIFEST} lists other code than was admitted")
        folder.complete(entry, weights, dict(_with_names(folder.path, code)))
        with _lock, _modules(code):
            yield folder.path, lambda built: _given(folder, entry, built)
    except BaseException:
        folder.close()
        raise


def _given(folder: SealedFolder, entry: CacheEntry, built: Any) -> Any:
    rename(built, folder.path, entry.path)
    folder.keep(built)
    return built


def _weights(entry: CacheEntry) -> list[str]:
    return [file.path for file in entry.files if file.path.endswith(".safetensors")]


def _with_names(folder: Path, code: CodeSet) -> Iterator[tuple[str, bytes]]:
    """The configurations as they were published: with the names of the code."""
    for path, named in code.names.items():
        if (folder / path).is_file():
            document = json.loads((folder / path).read_bytes())
            yield path, json.dumps({**document, "auto_map": named}).encode()


@contextlib.contextmanager
def _modules(code: CodeSet) -> Iterator[None]:
    """Let transformers import modules from a private folder alone, each one compared first."""
    dynamic: Any = importlib.import_module("transformers.dynamic_module_utils")
    place = Path(tempfile.mkdtemp(prefix="secureload-code-"))
    # The modules stay importable, for classes that import again or save themselves.
    weakref.finalize(dynamic, shutil.rmtree, place, ignore_errors=True)
    approved = {file.sha256 for file in code.files} | {_EMPTY}
    original = dynamic.get_class_in_module

    def compared(*args: Any, **kwargs: Any) -> Any:
        for path in place.rglob("*"):
            if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() not in approved:
                raise IntegrityError(f"{path.name} is not among the code that was approved")
        return original(*args, **kwargs)

    changed = {
        "HF_MODULES_CACHE": str(place),
        "TRANSFORMERS_DYNAMIC_MODULE_NAME": f"secureload_code_{secrets.token_hex(8)}",
        "get_class_in_module": compared,
    }
    saved = {name: getattr(dynamic, name) for name in changed}
    sys.path.insert(0, str(place))
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        for name, value in changed.items():
            setattr(dynamic, name, value)
        yield
    finally:
        sys.dont_write_bytecode = bytecode
        for name, value in saved.items():
            setattr(dynamic, name, value)


def code_files(entry: CacheEntry) -> frozenset[str]:
    """The code files that the folder of an entry may hold."""
    if not has_code(entry):
        return frozenset()
    return frozenset(file.path for file in entry.files if file.path.endswith(".py"))
