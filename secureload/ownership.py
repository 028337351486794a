"""Whether the process that works on something still lives: a lock file that ends with it.

The owner keeps a file beside its work locked. The kernel drops the lock with the process,
however that ends, so whoever gets the lock knows that the owner is gone, and may clear up.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path


def own(lock: Path) -> int:
    """Make a lock file and lock it; the descriptor is to be closed once the file is removed.

    Raises:
        OSError: it cannot be made, or such files cannot be locked there.
    """
    while True:
        descriptor = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_at(descriptor, lock):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # whoever clears up took it for a dead owner's: make it anew


def inherit(lock: Path, work: Path) -> int | None:
    """Lock the lock file of some work, unless its owner lives or has just finished.

    As for `own`; None also where such files cannot be locked, since nobody can tell there.

    Raises:
        OSError: it cannot be opened.
    """
    # Only work that has lost its lock file gets a new one.
    create = os.O_CREAT if os.path.lexists(work) else 0
    try:
        descriptor = os.open(lock, create | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except FileNotFoundError:
        return None
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(descriptor, lock):  # else another one cleared up, and an owner may have come
            return descriptor
    os.close(descriptor)
    return None


def _is_at(descriptor: int, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    return False
