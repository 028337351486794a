"""A pickle imports something that opens network connections.

Why it matters
    A connection made while a model loads can carry data out and code in, past whatever was
    verified.
Fires on
    `socket.*`, `urllib.*`, `http.*`, `ssl.*`, `smtplib.*`, `requests.*`, `torch.hub.*`.
Stays quiet on
    classes that merely hold an address.
Remedy
    Ask the publisher for safetensors; refuse the file.
"""

from scanner.facts import ImportFact
from scanner.findings import Severity
from scanner.pickles import danger
from scanner.rules import Rule
from scanner.rules._effects import imports_with

RULE = Rule(
    id="uses-network",
    reads=ImportFact,
    severity=Severity.CRITICAL,
    check=imports_with(danger.USES_NETWORK),
)
