"""What enforcement is set to, and what each thread is doing at the moment.

The settings are taken once, when enforcement begins: what the program writes into its
environment afterwards changes neither the policy nor where the trusted cache lies.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from secureload.flow import Need

SWITCH = "SECURELOAD_ENFORCE"
"""The environment variable that turns enforcement on: `1`, or the name of a policy."""

SITE = Path(__file__).parent / "site"
"""The folder whose `sitecustomize.py` turns enforcement on in a Python child."""

_OFF = frozenset({"", "0", "false", "no", "off"})
_ON = frozenset({"1", "true", "yes", "on"})
_KEPT = ("SECURELOAD_HOME", "HF_ENDPOINT", "SECURELOAD_ENFORCE_IPC")
_QUIET = {
    "DISABLE_SAFETENSORS_CONVERSION": "1",
    "HF_HUB_DISABLE_XET": "1",
    "USE_HUB_KERNELS": "NO",
}
"""What the libraries are told: no conversion service, no second protocol, no kernels."""


@dataclass(frozen=True, kw_only=True)
class Enforcement:
    """Enforcement as it was set: the policy's name or path, the trusted modules, the rest.

    `ipc` names packages whose pickles go between this program's own processes; `environment`
    is what every child must have.
    """

    policy: str
    ipc: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)


def wanted(environment: Mapping[str, str] = os.environ) -> str | None:
    """The policy that the environment asks to enforce, or None when it asks for none."""
    switch = environment.get(SWITCH, "")
    if switch.lower() in _OFF:
        return None
    if switch.lower() in _ON:
        return environment.get("SECURELOAD_POLICY") or "default"
    return switch


def environment_for(policy: str, base: Mapping[str, str]) -> dict[str, str]:
    """What the environment of an enforced process must hold, given the one it starts from."""
    policy = str(Path(policy).absolute()) if os.sep in policy or "." in policy else policy
    paths = [path for path in base.get("PYTHONPATH", "").split(os.pathsep) if path]
    site = str(SITE)
    return {
        **{name: base[name] for name in _KEPT if name in base},
        **_QUIET,
        SWITCH: policy,
        "SECURELOAD_POLICY": policy,
        "PYTHONPATH": os.pathsep.join([site, *(path for path in paths if path != site)]),
    }


class Mode(Enum):
    """How a global that a pickle names is judged while the pickle is loaded."""

    TRUSTED = "trusted"
    """The pickle comes from this program itself: anything."""
    GUARDED = "guarded"
    """It comes through a pipe: nothing that is known to run code."""
    STRICT = "strict"
    """Only what the allowlist names."""


class _Doing(threading.local):
    def __init__(self) -> None:
        self.mode: Mode | None = None
        self.inside = 0
        self.judged = 0
        self.need: tuple[str, Need] | None = None


doing = _Doing()
"""Of this thread: the mode of the pickle being loaded, how deep it is in our own work and in
judged torch files, and what is needed of the repositories it asks for."""


@contextlib.contextmanager
def loading(mode: Mode) -> Iterator[None]:
    """A stretch in which this thread loads a pickle in a mode."""
    before = doing.mode
    doing.mode = mode
    try:
        yield
    finally:
        doing.mode = before


@contextlib.contextmanager
def our_own_work() -> Iterator[None]:
    """A stretch in which the gate itself works: its requests and processes are its own."""
    doing.inside += 1
    try:
        yield
    finally:
        doing.inside -= 1


@contextlib.contextmanager
def judged() -> Iterator[None]:
    """A stretch in which this thread loads a torch file that was judged."""
    doing.judged += 1
    try:
        yield
    finally:
        doing.judged -= 1


@contextlib.contextmanager
def needing(reference: str, need: Need) -> Iterator[None]:
    """A stretch in which files of this repository are asked for with this need.

    Within it, a call for the same repository goes on with the need of the first.
    """
    before = doing.need
    if before is None or before[0] != reference:
        doing.need = (reference, need)
    try:
        yield
    finally:
        doing.need = before


_current: Enforcement | None = None


def current() -> Enforcement:
    """The enforcement of this process."""
    assert _current is not None, "enforcement is not on"
    return _current


def models() -> str:
    """Where admitted folders lie, with a separator at its end."""
    from secureload.settings import Settings

    restore()
    return str(Settings.from_environment().home / "models") + os.sep


def active() -> bool:
    """Whether enforcement is on in this process."""
    return _current is not None


def begin(policy: str, ipc: tuple[str, ...]) -> bool:
    """Set what is enforced; False when it is set already, which nothing changes."""
    global _current
    if _current is not None:
        return False
    own = environment_for(policy, os.environ)
    os.environ.update(own)
    _current = Enforcement(policy=own[SWITCH], ipc=ipc, environment=own)
    return True


def restore() -> None:
    """Put back what the program changed of our environment, before a process starts."""
    if _current is not None:
        os.environ.update(merged(os.environ))


def merged(environment: Mapping[Any, Any]) -> dict[Any, Any]:
    """An environment for a child, with what every child of ours must have."""
    as_bytes = any(isinstance(name, bytes) for name in environment)
    text = {os.fsdecode(name): os.fsdecode(value) for name, value in environment.items()}
    own = dict(current().environment)
    own["PYTHONPATH"] = environment_for(own[SWITCH], text)["PYTHONPATH"]
    result = {**text, **own}
    if as_bytes:
        return {os.fsencode(name): os.fsencode(value) for name, value in result.items()}
    return result
