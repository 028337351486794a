"""A pickle imports through the copyreg extension registry.

Why it matters
    The registry gives numbers to globals, per process: what a number means cannot be told
    from the file.
Fires on
    the opcodes EXT1, EXT2 and EXT4.
Stays quiet on
    everything else; no machine-learning library registers extensions.
Remedy
    Refuse the file.
"""

from collections.abc import Iterator

from scanner.facts import ExtensionFact
from scanner.findings import Severity
from scanner.rules import Message, Rule


def check(fact: ExtensionFact) -> Iterator[Message]:
    """Yield one message for each code."""
    yield Message(
        text=f"extension code {fact.code} stands for a global that the file does not name",
        evidence={"code": fact.code, "count": fact.count},
    )


RULE = Rule(id="extension-code", reads=ExtensionFact, severity=Severity.HIGH, check=check)
