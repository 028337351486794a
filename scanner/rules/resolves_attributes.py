"""A pickle imports something that reaches any attribute or method by name.

Why it matters
    From any object a few attributes lead to every other: a resolver turns harmless globals
    into dangerous ones, with names that stand in strings.
Fires on
    `operator.call`, `builtins.vars`, `inspect.getattr_static`, and dotted names that pass
    through `__globals__` and its kin.
Stays quiet on
    names that are harmless until they are called (`getattr`, `attrgetter`, `partial`, `max`,
    `map`): `unlisted-call` judges their calls.
Remedy
    Ask the publisher for safetensors; where the object is an enumeration of a library you
    trust, admit its class.
"""

from scanner.facts import ImportFact
from scanner.findings import Severity
from scanner.pickles import danger
from scanner.rules import Rule
from scanner.rules._effects import imports_with

RULE = Rule(
    id="resolves-attributes",
    reads=ImportFact,
    severity=Severity.CRITICAL,
    check=imports_with(danger.RESOLVES),
)
