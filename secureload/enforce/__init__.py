"""Every load of a program through the gate, without a change to the program.

A guided tour. `secureload.enforce("strict")` begins it in this process, `secureload run` in a
program and all its children, `$SECURELOAD_ENFORCE` wherever `secureload enforce install` has
put a `.pth` file. From then on, whatever a library loads is admitted first or refused:

    hub            a repository of the Hub: its admitted folder is what clients see
    folders        a local folder given to a library: its admitted copy
    lora           LoRA weights for diffusers, whatever the file is called: admitted
    torch          `torch.load` and its relatives: judged, then read as weights only
    safetensors    a file outside the trusted cache: judged
    numpy          `numpy.load(allow_pickle=True)`: judged
    pickles        `pickle.load` of a file: judged, then loaded from the bytes judged
    refusals       a refusal that a library hides in its own error: told
    remote_code    Python in a repository: refused
    children       a process that is started is enforced too
    tripwire       the audit hook below them all

One family of hooks a module; each has `install()`. `state` holds the settings, `judge` and
`admissions` ask the gate. These hooks serve programs that are honest and files that are not:
code that sets out to remove them, can. What stops that is outside the process.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Enforce(ModuleType):
    """This package, which is also the function `secureload.enforce`."""

    def __call__(self, policy: Any = None, *, ipc: tuple[str, ...] = ()) -> None:
        """Begin enforcement in this process; see `secureload.enforce.process.enforce`."""
        from secureload.enforce.process import enforce

        enforce(policy, ipc=ipc)


sys.modules[__name__].__class__ = _Enforce
