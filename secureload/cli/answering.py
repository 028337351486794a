"""What becomes of a verb's accidents: an exit code, one line that says why, and a hint.

Exit codes: 0 allowed, 1 refused, 2 no decision; 128 and the signal's number where one ended it:
130 interrupted, 143 SIGTERM, 129 SIGHUP.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType

from secureload.cli.console import OutputClosedError, fail, fail_with
from secureload.errors import SecureloadError


def answered(verb: Callable[[], object]) -> int:
    """Run a verb and return the exit code, which it may give itself; no exception gets out."""
    received: list[int] = []
    try:
        with _termination(received):
            code = _outcome(verb)
            sys.stdout.flush()
            return code
    except (OutputClosedError, BrokenPipeError):
        # Point the descriptor elsewhere, or the interpreter complains when it flushes.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except KeyboardInterrupt:
        with contextlib.suppress(Exception):
            fail("interrupted")
        return 128 + (received[0] if received else signal.SIGINT)
    except OSError:  # the disk behind the output is full, or what went wrong cannot be told
        return 2


def _outcome(verb: Callable[[], object]) -> int:
    try:
        outcome = verb()
    except SecureloadError as error:
        _trace()
        return fail_with(error)
    except (OutputClosedError, KeyboardInterrupt):
        raise
    except MemoryError:
        fail("out of memory", "give the process more memory, or a smaller file")
        return 2
    except OSError as error:
        _trace()
        where = f"{error.filename}: " if error.filename else ""
        fail(f"{where}{error.strerror or error}", _HINTS.get(error.errno or 0, ""))
        return 2
    except Exception as error:
        _trace()
        fail(
            f"internal error: {type(error).__name__}: {error}",
            "this is a bug in secureload; SECURELOAD_DEBUG=1 prints the details to report",
        )
        return 2
    return outcome if isinstance(outcome, int) and not isinstance(outcome, bool) else 0


_ROOM = "make room where the output, $SECURELOAD_HOME and $TMPDIR lie, or choose other places"
_HINTS = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EROFS: "$SECURELOAD_HOME and $TMPDIR must be writable",
    errno.EACCES: "run it as a user who may read and write there",
    errno.EPERM: "run it as a user who may read and write there",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`)",
    errno.EIO: "the disk or the terminal behind it fails",
}


def _trace() -> None:
    if os.environ.get("SECURELOAD_DEBUG"):
        import traceback

        traceback.print_exc()


@contextlib.contextmanager
def _termination(received: list[int]) -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into an interrupt, so that work in progress is tidied away.

    Which it was is noted in `received`. A SIGHUP that is ignored stays so: that is what
    `nohup` asks for.
    """

    def interrupt(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    before = {}
    try:
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, interrupt)
    except ValueError:  # not the main thread: leave signals alone
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
