"""Begin enforcement in this process."""

from __future__ import annotations

import os
from pathlib import Path

from secureload.enforce import state


def enforce(policy: str | Path | None = None, *, ipc: tuple[str, ...] = ()) -> None:
    """Send every load of this process, and of those it starts, through the gate.

    `policy` is a name or a path (absent: `$SECURELOAD_POLICY`, else `default`). `ipc` names
    packages whose pickles only go between the program's own processes, beside those known.
    Call it before anything else is imported. A second call changes nothing.

    Raises:
        PolicyError: the policy is missing or not valid.
        UsageError: enforcement is on already, with another policy.
    """
    name = os.fspath(policy) if policy is not None else _named()
    _checked(name)
    begin(name, ipc=ipc)


def _named() -> str:
    return os.environ.get("SECURELOAD_POLICY") or "default"


def _checked(name: str) -> None:
    """Load the policy now, so that a mistake is said here and not at the first load."""
    from secureload import policy
    from secureload.errors import UsageError
    from secureload.settings import Settings

    policy.load(name, Settings.from_environment())
    if state.active():
        set_already = state.current().policy
        if state.environment_for(name, {})[state.SWITCH] != set_already:
            raise UsageError(
                f"enforcement is on with policy {set_already!r}",
                hint="one process has one policy; start another with `secureload run`",
            )


def begin(policy: str, *, ipc: tuple[str, ...] = ()) -> None:
    """Install every hook; the policy is loaded when the first decision is due."""
    from secureload.enforce import (
        children,
        folders,
        hub,
        lora,
        numpy,
        pickles,
        refusals,
        remote_code,
        safetensors,
        threads,
        torch,
        tripwire,
    )

    listed = os.environ.get("SECURELOAD_ENFORCE_IPC", "").replace(",", " ").split()
    if not state.begin(policy, (*pickles.IPC, *listed, *ipc)):
        return
    families = (
        tripwire,
        threads,
        pickles,
        numpy,
        torch,
        safetensors,
        hub,
        folders,
        lora,
        refusals,
        remote_code,
        children,
    )
    for family in families:
        family.install()


def begin_if_wanted() -> None:
    """Begin enforcement when the environment asks for it; what cannot begin ends the process.

    Called by `sitecustomize` and by the `.pth` file, whose other exceptions Python would print
    and pass over.
    """
    policy = state.wanted()
    if policy is None or state.active():
        return
    try:
        begin(policy)
    except Exception as error:
        raise SystemExit(
            f"secureload: enforcement cannot begin: {type(error).__name__}: {error}"
        ) from error
