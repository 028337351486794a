"""The command line: `secureload VERB ...`; each verb is a module of its name.

What is here imports nothing: a scan or conversion begins its worker first, which then starts up
while this process reads the rest of the command line. `verbs` has the parser.
"""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False  # as that of `typing`, which takes longer to import than all of this
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code.

    Without `arguments` those of the process are meant, and the process is all ours.
    """
    try:
        _open_streams()
        # What a verb imports and reads lives until it ends: look for cycles less often.
        gc.set_threshold(50_000)
        _begin(sys.argv[1:] if arguments is None else arguments)
        import secureload.cli.ending  # noqa: F401  while the worker gets ready

        code = answer(arguments)
    except KeyboardInterrupt:  # before there is anybody to say so
        code = 130
    finally:
        if (begun := sys.modules.get("secureload.sandbox.worker")) is not None:
            begun.end()
    if arguments is None:
        from secureload.cli.ending import leave

        leave(code)
    sys.exit(code)


def answer(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; no exception gets out."""
    given = sys.argv[1:] if arguments is None else arguments
    if given and given[0] in ("scan", "convert"):
        from secureload.cli.plain import plain

        if (verb := plain(given, os.environ)) is not None:
            from secureload.cli.answering import answered

            return answered(verb)
    from secureload.cli import verbs

    return verbs.answer(arguments)


def _open_streams() -> None:
    """Have standard streams where whoever started this process closed them."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: PTH123, SIM115


def _begin(arguments: Sequence[str]) -> None:
    """Begin the worker that will be wanted, as far as the verb tells; the parser has the say."""
    verb = arguments[0] if arguments else ""
    if verb not in ("scan", "convert") or not {"-h", "--help", "--verify"}.isdisjoint(arguments):
        return
    if not hasattr(os, "fork") or len(sys._current_frames()) > 1:
        return
    if verb == "convert":
        from secureload.sandbox import conversions, worker

        worker.begin(conversions.PathConversion)
    elif not os.environ.get("SECURELOAD_SERVER"):
        from secureload.sandbox import jobs, worker

        worker.begin(jobs.Scanning)
