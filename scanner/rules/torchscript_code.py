"""A TorchScript archive holds a program beside its weights.

Why it matters
    `torch.jit.load` compiles the archive's `code/` and runs it with the model. It is not
    Python, but it can save files and use much memory, and no state dict needs it.
Fires on
    Archives with `code/` or `constants.pkl`.
Stays quiet on
    Torch files that hold a state dict alone.
Remedy
    Ask for the state dict, or approve the archive by digest.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.facts import CodeFact
from scanner.findings import Severity
from scanner.rules import Rule


def check(fact: CodeFact) -> Iterator[str]:
    """Yield one message for a TorchScript archive."""
    if fact.language == "torchscript":
        yield "a TorchScript program"


RULE = Rule(id="torchscript-code", reads=CodeFact, severity=Severity.MEDIUM, check=check)
