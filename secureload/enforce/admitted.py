"""The folders that are admitted already, listed by a process beside this one.

Asking the ledger takes longer to import than a small model takes to load. So when a library
is about to be imported, a child lists what this policy has admitted; by the time the library
loads something, the list is there. What is not on it is asked for in this process.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from secureload.enforce import state

LIBRARIES = frozenset({"torch", "transformers", "diffusers", "sentence_transformers", "peft"})
"""Packages whose import is a sign that something will be loaded."""

_child: tuple[int, Any] | None = None


def look_ahead() -> None:
    """Start the child, once in a process."""
    global _child
    worker = any("multiprocessing" in word or "loky" in word for word in sys.orig_argv)
    if _child is not None or worker or not state.active():
        return
    import subprocess

    environment = {**os.environ, **state.current().environment, "HF_HUB_OFFLINE": "1"}
    for name in (state.SWITCH, "PYTHONPATH"):
        environment.pop(name, None)
    with state.our_own_work():
        command = [sys.executable, "-I", "-c", f"import {__name__} as m; m.main()"]
        quiet = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        started = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, **quiet)  # type: ignore[call-overload]
        _child = (os.getpid(), started)


def folders() -> frozenset[str]:
    """The folders on the list; none where there is no list."""
    if _child is None or _child[0] != os.getpid() or _child[1] is None:
        return frozenset()
    started = _child[1]
    try:
        text, _ = started.communicate(timeout=60)
        return frozenset(json.loads(text)) if started.returncode == 0 else frozenset()
    except (OSError, ValueError):  # it is a convenience: without it the ledger is asked here
        return frozenset()
    finally:
        _forget()


def _forget() -> None:
    global _child
    _child = (os.getpid(), None)


def main() -> None:
    """In the child: print the folders that the policy of the environment has admitted."""
    from secureload import gate

    opened = gate.open_gate()
    digest = opened.policy.id.digest
    always = opened.policy.topics(_anything()).cache.verify != "changed"
    entries = () if always else opened.cache.entries()
    found = [str(entry.path) for entry in entries if entry.verdict.policy.digest == digest]
    json.dump(found, sys.stdout)


def _anything() -> Any:
    from secureload.flow import Source

    return Source(kind="local", location="")
