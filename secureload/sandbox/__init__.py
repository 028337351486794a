"""Confinement: what reads untrusted bytes does so in a process that can do nothing else.

A `Sandbox` stands for one snapshot's work. `examine` and `convert_folder` do what the
functions of those names do in `scanner` and `convert`, in confined workers: a worker that
dies, hangs or eats memory is a failed file. `lockdown` shuts a process in, `landlock` and
`seccomp` are its means, `worker` is the gate's view of one, `server` forks them, `wire`
is all that passes between them.
"""

from __future__ import annotations

from secureload.sandbox.limits import LIMITS, Limits
from secureload.sandbox.lockdown import Tier
from secureload.sandbox.work import Sandbox, forked, served
from secureload.sandbox.worker import SandboxError

__all__ = ["LIMITS", "Limits", "Sandbox", "SandboxError", "Tier", "forked", "served"]
