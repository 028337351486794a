"""Ask the gate about a file, or about bytes, that the program is about to load itself."""

from __future__ import annotations

import functools
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from secureload.enforce import state
from secureload.enforce.state import Mode

if TYPE_CHECKING:
    from secureload.gate import Gate

_REMEMBERED = 1_024
"""Verdicts on files that are kept, so that a file is not scanned again while it stays as it is."""

_verdicts: dict[tuple[object, ...], Mode] = {}


@functools.lru_cache(maxsize=16)
def _opened(token: str | bool | None, offline: bool) -> Gate:
    from secureload import gate

    return gate.open_gate(
        trust_policy=state.current().policy, token=token, local_files_only=offline
    )


def the_gate(*, token: str | bool | None = None, offline: bool = False) -> Gate:
    """The gate of this process, with a token; its policy and home are those set at the start."""
    state.restore()
    return _opened(token, offline)


def file(path: str | os.PathLike[str]) -> Mode:
    """Judge a file and say how a pickle in it may be loaded.

    A file in a folder that was admitted under this policy passes.

    Raises:
        Refused: the policy says no.
        SecureloadError: no decision was reached.
    """
    from secureload.enforce import admissions

    text = os.path.abspath(os.fsdecode(path))  # noqa: PTH100  a link is judged by its name
    if admissions.holds(text):
        return Mode.STRICT
    with state.our_own_work():
        try:
            status = Path(text).stat()
        except OSError:
            return Mode.STRICT  # let the library say that it is not there
        if not stat.S_ISREG(status.st_mode):
            return Mode.GUARDED if stat.S_ISFIFO(status.st_mode) else Mode.STRICT
        stamp = (status.st_dev, status.st_ino, status.st_size)
        key = (text, *stamp, status.st_mtime_ns, status.st_ctime_ns)
        if (mode := _verdicts.get(key)) is None:
            mode = _judged(text, Path(text))
            if len(_verdicts) >= _REMEMBERED:
                _verdicts.clear()
            _verdicts[key] = mode
        return mode


def content(data: bytes | bytearray | memoryview, name: str) -> Mode:
    """Judge bytes and say how a pickle in them may be loaded; `name` says whose they are.

    Raises:
        Refused: the policy says no.
        SecureloadError: no decision was reached.
    """
    with state.our_own_work():
        return _judged(name, bytes(data))


def _judged(name: str, what: Path | bytes) -> Mode:
    from scanner import FileVerdict
    from secureload.errors import Refused
    from secureload.flow import Decision

    verdict, report = the_gate().judge(name, what)
    if verdict.decision is not Decision.ALLOW:
        refused = Refused(verdict, report)
        refused.hint = (
            "`secureload explain` shows what it would do, `secureload policy show "
            f"{verdict.policy.name}` the rules; a global that you know to be harmless is "
            "admitted by `spec.pickles` of your policy: mode allowlist, allow [module.name]"
        )
        raise refused
    clean = all(file.verdict is FileVerdict.CLEAN for file in report)
    return Mode.STRICT if clean else Mode.GUARDED


def global_objection(module: str, name: str, mode: Mode) -> str:
    """Why a global must not be loaded in this mode; empty when it may.

    Raises:
        SecureloadError: the policy cannot be read.
    """
    with state.our_own_work():
        from scanner.pickles import danger

        if mode is Mode.STRICT:
            listed = _allowlist().entry(module, name)
            return "" if listed is not None else "no allowlist of the policy names it"
        effect = danger.effect(module, name)
        harmful = {danger.RUNS_CODE, danger.NATIVE, danger.TAMPERS}
        if effect in harmful or (
            effect == danger.STARTS_PROCESS and danger.canonical(module, name)[0] in _SHELLS
        ):
            return f"it {danger.EFFECTS[effect]}"
        return ""


_SHELLS = frozenset({"os", "posix", "nt", "subprocess", "_posixsubprocess", "pty", "platform"})


@functools.cache
def _allowlist() -> Any:
    from scanner.pickles.allowlist import PROFILES, allowlist
    from secureload import policy
    from secureload.flow import Source

    options = policy.scan_options(the_gate().policy.topics(Source(kind="local", location="")))
    return allowlist(options["profiles"] or PROFILES, options["allow"])


def refuse(subject: str, rule: str, message: str, setting: str = "") -> Exception:
    """The refusal of something that no scan is needed for; to be raised."""
    with state.our_own_work():
        from secureload.errors import Refused
        from secureload.flow import Decision, Reason, Verdict

        policy = the_gate().policy
        reason = Reason(rule=rule, message=message, setting=setting)
        verdict = Verdict(
            decision=Decision.DENY,
            subject=subject,
            commit="",
            policy=policy.id,
            ruleset="",
            reasons=(reason,),
        )
        refused = Refused(verdict)
        refused.hint = f"`secureload policy show {policy.id.name}` prints what is allowed"
        return refused
