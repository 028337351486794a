"""A pickle imports something that imports modules by name.

Why it matters
    Importing a module runs it. A name in a string also hides from whoever reads only the
    globals of a file.
Fires on
    `builtins.__import__`, `importlib.*`, `imp.*`, `pkgutil.resolve_name`, `pydoc.locate`.
Stays quiet on
    plain classes, even when their module is unknown: that is another rule.
Remedy
    Ask the publisher for safetensors; refuse the file.
"""

from scanner.facts import ImportFact
from scanner.findings import Severity
from scanner.pickles import danger
from scanner.rules import Rule
from scanner.rules._effects import imports_with

RULE = Rule(
    id="imports-modules",
    reads=ImportFact,
    severity=Severity.CRITICAL,
    check=imports_with(danger.IMPORTS_MODULES),
)
