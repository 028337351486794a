"""A pickle imports something that runs Python code.

Why it matters
    Code in a string is the shortest way from a pickle to anything at all; it runs while the
    file loads.
Fires on
    `builtins.eval`, `builtins.exec`, `code.InteractiveInterpreter`, `runpy`, `timeit`, `pdb`,
    `marshal`, `types.FunctionType`, `numpy.testing` helpers that compile their argument.
    Only high where the code that is made a function is harmless: see `unpickles-again`.
Stays quiet on
    functions that take data and give data.
Remedy
    Ask the publisher for safetensors; refuse the file.
"""

from scanner.facts import ImportFact
from scanner.findings import Severity
from scanner.pickles import danger
from scanner.rules import Rule
from scanner.rules._effects import imports_with

RULE = Rule(
    id="runs-code",
    reads=ImportFact,
    severity=Severity.CRITICAL,
    check=imports_with(danger.RUNS_CODE),
)
