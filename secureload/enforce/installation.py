"""The `.pth` file that begins enforcement in every interpreter of an installation.

It does nothing unless `$SECURELOAD_ENFORCE` asks for it. Unlike `PYTHONPATH` it is also seen
by interpreters started with `-I` or `-E`; nothing is seen by one started with `-S`.
"""

from __future__ import annotations

import sysconfig
from pathlib import Path

from secureload.enforce.children import PTH
from secureload.errors import UsageError

_LINE = (
    "import os, sys, importlib.util; "
    'os.environ.get("SECURELOAD_ENFORCE") and ('
    'importlib.util.find_spec("secureload") or sys.exit('
    '"secureload: SECURELOAD_ENFORCE is set, and secureload is not installed")) and '
    '__import__("secureload.enforce.process", fromlist=["_"]).begin_if_wanted()\n'
)
"""Python passes over what goes wrong in such a line, except for an exit."""


def place() -> Path:
    """Where the file lies, or would lie: among the packages of this interpreter."""
    return Path(sysconfig.get_path("purelib")) / PTH


def installed() -> bool:
    """Whether the file is there and is ours."""
    try:
        return place().read_text("utf-8") == _LINE
    except OSError:
        return False


def install() -> Path:
    """Write the file and return where it lies.

    Raises:
        UsageError: the folder is not writable.
    """
    path = place()
    try:
        path.write_text(_LINE, "utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}",
            hint="run it as the owner of this installation, or use `secureload run`",
        ) from error
    return path


def uninstall() -> bool:
    """Remove the file; False when there was none.

    Raises:
        UsageError: the folder is not writable.
    """
    path = place()
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise UsageError(
            f"cannot remove {path}: {error.strerror}",
            hint="run it as the owner of this installation",
        ) from error
    return True
