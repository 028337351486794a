"""A pickle imports something that starts a process.

Why it matters
    Unpickling calls what it imports, so the command runs before any tensor exists, with
    the rights of whoever loads the model.
Fires on
    `os.system`, `posix.system`, `subprocess.Popen`, `pty.spawn`, `multiprocessing.*`, and
    the same reached through another module (`random` and `_os.system`).
Stays quiet on
    names that start no process, and whatever an allowlist admits.
Remedy
    Ask the publisher for safetensors; no model needs a shell to load.
"""

from scanner.facts import ImportFact
from scanner.findings import Severity
from scanner.pickles import danger
from scanner.rules import Rule
from scanner.rules._effects import imports_with

RULE = Rule(
    id="runs-shell",
    reads=ImportFact,
    severity=Severity.CRITICAL,
    check=imports_with(danger.STARTS_PROCESS),
)
