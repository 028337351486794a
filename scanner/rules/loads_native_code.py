"""A pickle imports something that loads or runs machine code.

Why it matters
    Machine code is bound by none of the interpreter's rules.
Fires on
    `ctypes.*`, `cffi.*`, `torch.ops.*`, `numpy.ctypeslib.*`, `triton.*`.
Stays quiet on
    compiled classes that only hold numbers.
Remedy
    Ask the publisher for safetensors; refuse the file.
"""

from scanner.facts import ImportFact
from scanner.findings import Severity
from scanner.pickles import danger
from scanner.rules import Rule
from scanner.rules._effects import imports_with

RULE = Rule(
    id="loads-native-code",
    reads=ImportFact,
    severity=Severity.CRITICAL,
    check=imports_with(danger.NATIVE),
)
