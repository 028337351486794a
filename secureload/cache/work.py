"""Work in progress: a folder in quarantine that never outlives its process for long.

Each folder has a file beside it that its owner keeps locked. The kernel drops the lock with
the process, so whoever gets the lock knows that the owner is gone, and clears up.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

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
        owner = _claim(layout, name)
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


def _claim(layout: Layout, name: str) -> int:
    """Create the lock file and lock it; a sweep may take an unlocked one away meanwhile."""
    path = _lock_file(layout, name)
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _try(layout: Layout, name: str) -> int | None:
    """Lock a folder's lock file, unless its owner holds it or has just finished."""
    path = _lock_file(layout, name)
    # Only a folder that has lost its lock file gets a new one.
    create = os.O_CREAT if (layout.quarantine / name).exists() else 0
    try:
        descriptor = os.open(path, create | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
