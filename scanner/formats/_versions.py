"""Commands that ask for a version: fixed words, of programs that tell something and do no more.

A package that writes its commit into its version runs one while it is imported. The command
must stand in the source word for word; what is computed, or handed to a shell, is none.
"""

from __future__ import annotations

import ast
from typing import Final

from scanner.patterns import pattern

_STARTS: Final = frozenset(
    f"subprocess.{name}" for name in ("check_output", "run", "check_call", "call", "Popen")
)
_COMMAND: Final = pattern(
    r"git (?:--version|rev-parse(?: --(?:short|verify|abbrev-ref|show-toplevel))* ?(?:HEAD)?"
    r"|describe(?: --(?:tags|always|long|abbrev=[0-9]{1,2}))*)"
    r"|(?:nvcc|gcc|g\+\+|cmake|ffmpeg|python3?) (?:--version|-V|-version)"
    r"|nvidia-smi(?: -L| --query-gpu=[a-z_.,]{1,80}| --format=[a-z,]{1,40})*"
    r"|rocm-smi|uname(?: -[amnprsv]{1,7})?"
)
_OPTIONS: Final = frozenset(
    """stdout stderr stdin text universal_newlines encoding errors check capture_output timeout
    cwd""".split()  # noqa: SIM905
)
"""Arguments by name that choose neither the program nor its surroundings."""


def asked(name: str, call: ast.Call) -> str:
    """Return the command, if all that the call does is to ask a program for its version."""
    if name not in _STARTS or len(call.args) != 1:
        return ""
    if any(keyword.arg not in _OPTIONS for keyword in call.keywords):
        return ""
    command = " ".join(_words(call.args[0]))
    return command if _COMMAND.fullmatch(command) else ""


def _words(node: ast.expr) -> list[str]:
    """The fixed words of a list or tuple; none where one of them is no plain word."""
    if not isinstance(node, (ast.List, ast.Tuple)):
        return []
    words = [
        one.value for one in node.elts if isinstance(one, ast.Constant) and type(one.value) is str
    ]
    plain = len(words) == len(node.elts) and not any(" " in word for word in words)
    return words if plain else []
