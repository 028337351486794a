"""Libraries that build a model out of an admitted folder: one module a library, `LIBRARY`.

A library module never sees anything but a `CacheEntry`; it decides which of the caller's
arguments may reach the library, and builds under `backstop.guard`.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from secureload.registry.library import Library


@functools.cache
def libraries() -> dict[str, Library]:
    """Every library in this folder, by the name that `secureload.load` takes."""
    modules = (
        importlib.import_module(f"{__name__}.{module.name}")
        for module in pkgutil.iter_modules(__path__)
    )
    found = [library for module in modules if (library := getattr(module, "LIBRARY", None))]
    return {library.name: library for library in sorted(found, key=lambda each: each.name)}


def offering(name: str) -> Library | None:
    """The library whose class or function has this name, going by the name alone."""
    for library in libraries().values():
        if library.offers.fullmatch(name):
            return library
    return None
