"""`numpy.load(allow_pickle=True)`: the file is judged before numpy opens it.

Its objects would be judged in any case, since numpy unpickles by `pickle.load`; but then
numpy would tell a refusal as a damaged file.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from secureload.enforce import state
from secureload.enforce.divert import divert_in
from secureload.enforce.imports import FINDER
from secureload.enforce.torch import judge_input


def install() -> None:
    """Gate the loader as soon as numpy is loaded."""
    for name in ("numpy.lib._npyio_impl", "numpy.lib.npyio"):
        FINDER.add(name, _hook)


def _hook(module: ModuleType) -> None:
    if hasattr(module, "load"):
        divert_in(module, "load", _load)


def _load(original: Callable[..., Any]) -> Callable[..., Any]:
    def load(
        file: Any, mmap_mode: Any = None, allow_pickle: bool = False, *args: Any, **options: Any
    ) -> Any:
        if not allow_pickle:
            return original(file, mmap_mode, allow_pickle, *args, **options)
        with state.loading(judge_input(file, "numpy.load")):
            return original(file, mmap_mode, allow_pickle, *args, **options)

    return load
