"""Processes that an enforced program starts are enforced too.

Enforcement goes down with the environment: the switch, the policy, and a folder on
`PYTHONPATH` whose `sitecustomize` begins it. A program that gives a child an environment of
its own gets these added. An interpreter told to ignore the environment would not see them:
it is refused, unless the `.pth` file of `secureload enforce install` is there to be seen.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from secureload.enforce import state
from secureload.enforce.divert import divert
from secureload.enforce.imports import FINDER

PTH = "secureload-enforce.pth"
"""The file that begins enforcement in every interpreter of an installation that asks for it."""

_PYTHON = re.compile(r"(?:python|pypy)(?:\d[\d.]*)?w?(?:\.exe)?")
_DEAF = frozenset("IES")
"""Options of an interpreter that leave out the environment (`-I`, `-E`) or `site` (`-S`)."""

_OPTION = re.compile(r"-(?P<flags>[bBdEhiIOPqRsSuvxV?]+)?(?:(?P<last>[cmXW])(?P<value>.*))?", re.S)


def install() -> None:
    """Add our environment wherever a process is started with one of its own."""
    FINDER.add("subprocess", _subprocess)
    FINDER.add("multiprocessing.util", _multiprocessing)
    FINDER.add("secureload.gate", _gate)
    for name in ("execve", "posix_spawn", "posix_spawnp"):
        if hasattr(os, name):
            setattr(os, name, _with_environment(getattr(os, name)))


def _subprocess(module: ModuleType) -> None:
    divert(module.Popen.__init__, _popen)


def _popen(original: Callable[..., Any]) -> Callable[..., Any]:
    def __init__(self: Any, *args: Any, **options: Any) -> None:  # noqa: N807
        if not state.doing.inside:
            if len(args) > 10 and args[10] is not None:
                args = (*args[:10], state.merged(args[10]), *args[11:])
            elif options.get("env") is not None:
                options["env"] = state.merged(options["env"])
            else:
                state.restore()
        original(self, *args, **options)

    return __init__


def _gate(module: ModuleType) -> None:
    """A program may ask the gate itself: what the gate starts and fetches is its own."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*args: Any, **options: Any) -> Any:
            with state.our_own_work():
                return original(*args, **options)

        return asked

    for name in ("admit", "accept", "verify", "code", "files", "judge"):
        divert(getattr(module.Gate, name), make)


def _multiprocessing(module: ModuleType) -> None:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def spawnv_passfds(*args: Any, **options: Any) -> Any:
            state.restore()
            return original(*args, **options)

        return spawnv_passfds

    divert(module.spawnv_passfds, make)


def _with_environment(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def start(path: Any, argv: Any, env: Any, *args: Any, **options: Any) -> Any:
        if not state.doing.inside and isinstance(env, Mapping):
            env = state.merged(env)
        return original(path, argv, env, *args, **options)

    return start


def check(executable: Any, argv: Any, env: Any) -> None:
    """Require that a process about to start will be enforced, if it is a Python.

    Raises:
        Refused: it is an interpreter that would not see our environment.
    """
    if env is None:
        state.restore()
    arguments = _texts(argv)
    program = os.fsdecode(executable) if executable else (arguments or [""])[0]
    if not _PYTHON.fullmatch(os.path.basename(program)):  # noqa: PTH119
        return
    given = deaf_options(arguments[1:])
    if not given or _sees_pth(program, given):
        return
    from secureload.enforce import judge

    raise judge.refuse(
        " ".join(arguments[:3]),
        "enforcement",
        f"an interpreter started with {' '.join(given)} would load without the gate; "
        "`secureload enforce install` in its environment makes `-I` and `-E` possible",
    )


def _texts(argv: Any) -> list[str]:
    if isinstance(argv, (str, bytes, os.PathLike)):
        return [os.fsdecode(argv)]
    if isinstance(argv, Sequence):
        return [os.fsdecode(item) for item in argv if isinstance(item, (str, bytes, os.PathLike))]
    return []


def deaf_options(arguments: Sequence[str]) -> list[str]:
    """The options of an interpreter, before a script, `-c` or `-m`, that leave us out."""
    found = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--check-hash-based-pycs":
            next(rest, None)
        if argument.startswith("--"):
            continue
        option = _OPTION.fullmatch(argument)
        if option is None or argument == "-":
            break
        if _DEAF & set(option["flags"] or ""):
            found.append(argument)
        if option["last"] in {"c", "m"}:
            break
        if option["last"] and not option["value"]:
            next(rest, None)
    return found


def _sees_pth(program: str, given: Sequence[str]) -> bool:
    """Whether our `.pth` file begins enforcement there all the same; `-S` reads none."""
    if any("S" in option for option in given):
        return False
    import shutil

    found = shutil.which(program) or program
    home = Path(found).parent.parent
    return any(home.glob(f"lib/python3.*/site-packages/{PTH}"))
