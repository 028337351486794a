"""`torch.load` and its relatives: a file is judged, then read as weights only.

`torch.load(weights_only=False)` of a file that was judged clean is tried with the weights-only
reader first; what that cannot build is built by the caller's, held to the allowlist. Programs
in a file (TorchScript, packages, compiled graphs) and hub repositories, which run code, are
refused where the policy does not call the file clean.
"""

from __future__ import annotations

import io
import os
import pickle
import stat
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from secureload.enforce import state
from secureload.enforce.divert import divert_in
from secureload.enforce.imports import FINDER
from secureload.enforce.state import Mode


def install() -> None:
    """Gate torch's loaders as soon as torch is loaded."""
    FINDER.add("torch.serialization", _serialization)
    FINDER.add("torch.jit._serialization", _jit)
    FINDER.add("torch.hub", _hub)
    FINDER.add("torch.package.package_importer", _package)
    FINDER.add("torch._inductor.package.package", _compiled)
    FINDER.add("torch", _native)


def _serialization(module: ModuleType) -> None:
    divert_in(module, "load", _load)
    for name in ("_load", "_legacy_load"):
        divert_in(module, name, _only_judged)


def _load(original: Callable[..., Any]) -> Callable[..., Any]:
    def load(
        f: Any,
        map_location: Any = None,
        pickle_module: Any = None,
        *,
        weights_only: bool | None = None,
        **options: Any,
    ) -> Any:
        mode = judge_input(f, "torch.load")
        start = f.tell() if hasattr(f, "tell") else None
        weights = {name: value for name, value in options.items() if name != "encoding"}
        with state.judged(), state.loading(mode):
            try:
                return original(f, map_location, weights_only=True, **weights)
            except pickle.UnpicklingError:
                if weights_only is not False:
                    raise
            if start is not None:
                f.seek(start)
            return original(f, map_location, pickle_module, weights_only=False, **options)

    return load


def _only_judged(original: Callable[..., Any]) -> Callable[..., Any]:
    """Below `torch.load`: whoever gets here by another way has judged nothing."""

    def load(*args: Any, **options: Any) -> Any:
        if not state.doing.judged and not state.doing.inside:
            from secureload.enforce import judge

            raise judge.refuse(
                f"torch.serialization.{original.__name__}",
                "enforcement",
                "a torch file is loaded without having been judged; use torch.load",
            )
        return original(*args, **options)

    return load


def judge_input(f: Any, caller: str) -> Mode:
    """Judge a path or an open file from where it stands, and leave it standing there.

    Raises:
        Refused: the policy says no.
    """
    from secureload.enforce import judge

    if state.doing.inside:
        return Mode.TRUSTED
    if isinstance(f, (str, os.PathLike)):
        return judge.file(f)
    name = getattr(f, "name", None)
    name = name if isinstance(name, str) else f"what {caller} was given ({type(f).__name__})"
    if (path := _whole_file(f)) is not None:
        return judge.file(path)
    if isinstance(f, io.BytesIO) and f.tell() == 0:
        return judge.content(f.getbuffer(), name)
    start = f.tell()
    try:
        return judge.content(f.read(), name)
    finally:
        f.seek(start)


def _whole_file(f: Any) -> str | None:
    """The path of a regular file that is open at its beginning, and still the one there."""
    if not isinstance(f, (io.BufferedReader, io.BufferedRandom)) or f.tell() != 0:
        return None
    if not isinstance(f.name, str):
        return None
    try:
        here, there = os.fstat(f.fileno()), Path(f.name).stat()
    except (OSError, ValueError):
        return None
    same = (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
    return f.name if same and stat.S_ISREG(here.st_mode) else None


def _judging(caller: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Judge the first argument, then call the original."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def load(f: Any, *args: Any, **options: Any) -> Any:
            mode = judge_input(f, caller)
            with state.judged(), state.loading(mode):
                return original(f, *args, **options)

        return load

    return make


def _refusing(what: str, why: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def load(*args: Any, **options: Any) -> Any:
            from secureload.enforce import judge

            named = next((a for a in (*args, *options.values()) if isinstance(a, str)), "")
            raise judge.refuse(f"{what} {named}".strip(), "remote-code", why, "spec.remoteCode")

        return load

    return make


def _jit(module: ModuleType) -> None:
    for name in ("load", "jit_module_from_flatbuffer"):
        divert_in(module, name, _judging(f"torch.jit.{name}"))


def _hub(module: ModuleType) -> None:
    for name in ("load", "list", "help", "_load_local", "_import_module"):
        divert_in(
            module, name, _refusing(f"torch.hub.{name}", "it runs the Python of a repository")
        )


def _package(module: ModuleType) -> None:
    divert_in(
        module.PackageImporter,
        "__init__",
        _refusing("torch.package", "a package holds Python, which importing it runs"),
    )


def _compiled(module: ModuleType) -> None:
    divert_in(module, "load_package", _refusing("a compiled package", "it holds machine code"))


def _native(module: ModuleType) -> None:
    """The functions in C below `torch.jit.load`."""
    for name in ("import_ir_module", "import_ir_module_from_buffer"):
        original = getattr(module._C, name)
        if not hasattr(original, "__wrapped__"):
            setattr(module._C, name, _judged_native(original))


def _judged_native(original: Callable[..., Any]) -> Callable[..., Any]:
    def load(*args: Any, **options: Any) -> Any:
        return checked(*args, **options)

    checked = _only_judged(original)
    load.__wrapped__ = original  # type: ignore[attr-defined]
    load.__name__ = original.__name__
    return load
