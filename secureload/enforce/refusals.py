"""Refusals that a library hides in an error of its own: they come out as they were.

A refusal is an `OSError`, so that programs survive it; libraries take it for a missing file
and say so. What they raise holds the refusal as its cause or context, and gives it back here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from secureload.enforce.divert import divert_in
from secureload.enforce.imports import FINDER

_HIDING = {
    "diffusers.utils.hub_utils": "_get_model_file",
    "diffusers.models.model_loading_utils": "load_state_dict",
}
"""The function that hides, by module; each loads one file."""


def install() -> None:
    """Hook each function as soon as its module is loaded."""
    for module, function in _HIDING.items():
        FINDER.add(module, functools.partial(_hook, function))


def _hook(function: str, module: ModuleType) -> None:
    # A version without it has another; then the refusal is to be read in the traceback alone.
    if hasattr(module, function):
        divert_in(module, function, _telling)


def _telling(original: Callable[..., Any]) -> Callable[..., Any]:
    def load(*args: Any, **options: Any) -> Any:
        try:
            return original(*args, **options)
        except OSError as error:
            refused = _hidden_in(error)
            if refused is None:
                raise
            raise refused from None

    return load


def _hidden_in(error: BaseException) -> BaseException | None:
    """The first refusal among what led to an error."""
    from secureload.errors import Refused

    seen: set[int] = set()
    led: BaseException | None = error
    while led is not None and id(led) not in seen:
        if isinstance(led, Refused):
            return led
        seen.add(id(led))
        led = led.__cause__ or led.__context__
    return None
