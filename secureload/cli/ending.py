"""Leave the process as the interpreter does, but for taking it apart piece by piece."""

from __future__ import annotations

import atexit
import os
import sys
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """Run what was registered for the end, write out what was printed, and end.

    What is in memory goes with the process at once; the interpreter's way through modules and
    objects takes longer than many a scan. Where somebody watches the interpreter, such as a
    debugger or a measurement of coverage, or wants it to stay, it ends the common way.
    """
    if sys.flags.inspect or sys.gettrace() is not None or sys.getprofile() is not None:
        sys.exit(code)
    # In the interpreter's own order: threads are waited for, then handlers run, then it flushes.
    if (threading := sys.modules.get("threading")) is not None:
        try:
            vars(threading)["_shutdown"]()  # as `multiprocessing` ends its children
        except KeyboardInterrupt:  # whoever interrupts does not want to wait
            code = 130
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except (OSError, ValueError):  # what was printed is lost, so nothing was said
        code = max(code, 2)
    try:
        sys.stderr.flush()
    except (OSError, ValueError):  # nor is there anybody to tell
        code = max(code, 2)
    os._exit(code)
