"""The audit hook below all other hooks: it cannot be removed, and sees what they miss.

CPython raises an event for every global that a pickle names, whichever unpickler was bound
when, and before it is imported. A pickle that comes by none of our ways is held to the
allowlist. The hook also keeps our finder in place, and a child process within enforcement.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from secureload.enforce import state
from secureload.enforce.imports import FINDER
from secureload.enforce.state import Mode, doing


def install() -> None:
    """Begin to watch; there is no way back."""
    if FINDER not in sys.meta_path:
        sys.meta_path.insert(0, FINDER)
    sys.addaudithook(_hook)


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if event == "import":
        FINDER.stay()
    elif event == "pickle.find_class":
        if not doing.inside and doing.mode is not Mode.TRUSTED:
            _named(str(args[0]), str(args[1]))
    elif event in _STARTS and not doing.inside:
        _STARTS[event](*args)


def _named(module: str, name: str) -> None:
    from secureload.enforce import judge, pickles

    mode = doing.mode
    if mode is None:  # an unpickler that was bound before we came, or is none of ours
        caller = pickles.module_of(sys._getframe(2))
        mode = Mode.GUARDED if pickles.is_ipc(caller) else Mode.STRICT
    if objection := judge.global_objection(module, name, mode):
        raise judge.refuse(
            "a pickle that is being loaded",
            "unlisted-global" if mode is Mode.STRICT else "runs-code",
            f"it names `{module}.{name}`, and {objection}",
            "spec.pickles" if mode is Mode.STRICT else "",
        )


def _popen(executable: Any, args: Any, cwd: Any, env: Any) -> None:
    from secureload.enforce import children

    children.check(executable, args, env)


def _exec(path: Any, args: Any, env: Any) -> None:
    from secureload.enforce import children

    children.check(path, args, env)


def _shell(command: Any) -> None:
    state.restore()


_STARTS: dict[str, Callable[..., None]] = {
    "subprocess.Popen": _popen,
    "os.exec": _exec,
    "os.posix_spawn": _exec,
    "os.system": _shell,
}
