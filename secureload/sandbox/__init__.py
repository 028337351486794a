"""Confinement: what reads untrusted bytes does so in a process that can do nothing else.

A `Sandbox` stands for one snapshot's work. `examine` and `convert_folder` do what the
functions of those names do in `scanner` and `convert`, in confined workers: a worker that
dies, hangs or eats memory is a failed file. `lockdown` shuts a process in, `landlock` and
`seccomp` are its means, `worker` is the gate's view of one, `server` forks them, `wire`
is all that passes between them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from secureload.sandbox.limits import LIMITS, Limits
    from secureload.sandbox.lockdown import Tier
    from secureload.sandbox.work import Sandbox, forked, served
    from secureload.sandbox.worker import SandboxError

__all__ = ["LIMITS", "Limits", "Sandbox", "SandboxError", "Tier", "forked", "served"]

_HOMES = {
    "LIMITS": "secureload.sandbox.limits",
    "Limits": "secureload.sandbox.limits",
    "Sandbox": "secureload.sandbox.work",
    "SandboxError": "secureload.sandbox.worker",
    "Tier": "secureload.sandbox.lockdown",
    "forked": "secureload.sandbox.work",
    "served": "secureload.sandbox.work",
}
"""Imported when they are asked for: a worker that begins early needs none of the gate's side."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return found
