"""A pickle imports something that changes the running interpreter.

Why it matters
    What a pickle changes in the interpreter (a registry, a handler, an attribute of a class)
    strikes later, in code that was trusted.
Fires on
    `builtins.setattr`, `sys.*`, `signal.*`, `atexit.register`, `copyreg.add_extension`,
    `threading.Thread`, and the hooks of scanners.
Stays quiet on
    objects that hold data.
Remedy
    Ask the publisher for safetensors; refuse the file.
"""

from scanner.facts import ImportFact
from scanner.findings import Severity
from scanner.pickles import danger
from scanner.rules import Rule
from scanner.rules._effects import imports_with

RULE = Rule(
    id="tampers-interpreter",
    reads=ImportFact,
    severity=Severity.CRITICAL,
    check=imports_with(danger.TAMPERS),
)
