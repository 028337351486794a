"""What becomes of a verb's accidents: an exit code, one line that says why, and a hint.

Exit codes: 0 allowed, 1 refused, 2 no decision, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType

from secureload.cli.console import OutputClosedError, fail, fail_with
from secureload.errors import SecureloadError


def answered(verb: Callable[[], object]) -> int:
    """Run a verb and return the exit code, which it may give itself; no exception gets out."""
    try:
        with _termination():
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
        return 130
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
        fail(f"{where}{error.strerror or error}")
        return 2
    except Exception as error:
        _trace()
        fail(
            f"internal error: {type(error).__name__}: {error}",
            "this is a bug in secureload; SECURELOAD_DEBUG=1 prints the details to report",
        )
        return 2
    return outcome if isinstance(outcome, int) and not isinstance(outcome, bool) else 0


def _trace() -> None:
    if os.environ.get("SECURELOAD_DEBUG"):
        import traceback

        traceback.print_exc()


@contextlib.contextmanager
def _termination() -> Iterator[None]:
    """Turn SIGTERM into an interrupt, so that work in progress is tidied away."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread: leave signals alone
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
