"""The modules of a package's own folder: `pkgutil` would import `inspect` to tell them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib.machinery import all_suffixes


def names(folders: Iterable[str]) -> tuple[str, ...]:
    """The public modules of a package's `__path__`, in order."""
    files = [entry.name for folder in folders for entry in os.scandir(folder)]
    modules = {file.partition(".")[0] for file in files if file.endswith(tuple(all_suffixes()))}
    return tuple(sorted(name for name in modules if not name.startswith("_")))
