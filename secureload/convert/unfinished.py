"""A folder for what is not finished, beside the destination: it outlives no process for long."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scanner.patterns import pattern
from secureload import ownership

_NAME = pattern(r"(?P<id>[0-9a-f]{12})\.(?:partial|lock)", re.ASCII)


@contextmanager
def unfinished(destination: Path) -> Iterator[Path]:
    """Give a folder beside the destination that is gone afterwards, whatever happens.

    What dead processes left of conversions to this destination is removed first.

    Raises:
        OSError: the folder cannot be made.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    _sweep(destination)
    folder, lock = _places(destination, os.urandom(6).hex())
    owner = None
    with suppress(OSError):  # no locks on this file system: then nobody clears up there either
        owner = ownership.own(lock)
    try:
        folder.mkdir()
        yield folder
    finally:
        _remove(folder)
        with suppress(OSError):
            lock.unlink()
        if owner is not None:
            os.close(owner)


def _sweep(destination: Path) -> None:
    begin = f".{destination.name}."
    with suppress(OSError):  # a folder that may be written to and not listed
        for name in sorted(os.listdir(destination.parent)):  # noqa: PTH208  a name is enough
            if name.startswith(begin) and (found := _NAME.fullmatch(name, len(begin))):
                _clear(*_places(destination, found["id"]))


def _clear(folder: Path, lock: Path) -> None:
    owner = None
    try:
        owner = ownership.inherit(lock, folder)
        if owner is not None:
            _remove(folder)
            lock.unlink()
    except OSError:  # somebody else's: theirs to clear up
        pass
    finally:
        if owner is not None:
            os.close(owner)


def _places(destination: Path, name: str) -> tuple[Path, Path]:
    """The folder of this name, and the lock file beside it."""
    begin = f".{destination.name}.{name}"
    return destination.parent / f"{begin}.partial", destination.parent / f"{begin}.lock"


def _remove(folder: Path) -> None:
    """Remove a folder; all but the first step is needed only after a failure."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        return
    except OSError:
        import shutil  # with all its archive formats, slower than a small conversion

        shutil.rmtree(folder, ignore_errors=True)
