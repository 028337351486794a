"""Work in progress: a folder in quarantine that never outlives its process for long.

Each folder has a lock file beside it, as `ownership` has them.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from secureload import ownership
from secureload.cache.layout import Layout, discard, troubles


@contextmanager
def work(layout: Layout) -> Iterator[Path]:
    """An empty folder in quarantine, removed at the end whatever happens.

    Raises:
        CacheError: it cannot be made.
    """
    layout.create()
    with troubles(layout.home):
        sweep(layout)
        name = secrets.token_hex(8)
        owner = ownership.own(_lock_file(layout, name))
        folder = layout.quarantine / name
    try:
        with troubles(layout.home):
            folder.mkdir(mode=0o700)
        yield folder
    finally:
        discard(folder)
        with suppress(FileNotFoundError):
            _lock_file(layout, name).unlink()
        os.close(owner)


def sweep(layout: Layout) -> list[Path]:
    """Remove what dead processes left in quarantine, and say what."""
    removed = []
    for name in abandoned(layout):
        descriptor = _try(layout, name)
        if descriptor is None:
            continue
        try:
            folder = layout.quarantine / name
            discard(folder)
            _lock_file(layout, name).unlink(missing_ok=True)
            removed.append(folder)
        finally:
            os.close(descriptor)
    return removed


def abandoned(layout: Layout) -> list[str]:
    """Names in quarantine whose owner is gone."""
    try:
        present = {path.name.removesuffix(".lock") for path in layout.quarantine.iterdir()}
    except FileNotFoundError:
        return []
    names = []
    for name in sorted(present):
        descriptor = _try(layout, name)
        if descriptor is not None:
            names.append(name)
            os.close(descriptor)
    return names


def _lock_file(layout: Layout, name: str) -> Path:
    return layout.quarantine / f"{name}.lock"


def _try(layout: Layout, name: str) -> int | None:
    return ownership.inherit(_lock_file(layout, name), layout.quarantine / name)
