"""A TorchScript program holds something that no reviewed list admits.

Why it matters
    `torch.jit.load` compiles the archive's `code/`, which runs with the model, and in part
    while it loads. It is not Python, but it can call any operator that torch or another library
    has registered, among them some that write and map files.
Fires on
    Operators, classes written in C++ and statements that are not on the reviewed lists; what
    torch's own printer never writes; values computed while the file is loaded; a `__setstate__`
    that does more than unpack. Critical when the operator is known to touch files or to
    speak to other processes.
Stays quiet on
    Programs of mathematics on tensors, numbers and text, as scripting, tracing, freezing and
    quantising a model write them, and their form for mobile devices.
Remedy
    Ask for the state dict, or approve the archive by digest.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.facts import CodeFact
from scanner.findings import Severity
from scanner.rules import Message, Rule
from scanner.torchscript.operators import effect


def check(fact: CodeFact) -> Iterator[Message]:
    """Yield one message for what is not listed in a TorchScript program."""
    if fact.language != "torchscript":
        return
    known = [what for what in map(effect, fact.names) if what is not None]
    name = ", ".join(fact.names)
    why = known[0] if known else fact.detail
    yield Message(
        text=f"a TorchScript program: `{name}`: {why}",
        severity=Severity.CRITICAL if known else Severity.MEDIUM,
        evidence={"names": fact.names},
    )


RULE = Rule(id="torchscript-code", reads=CodeFact, severity=Severity.MEDIUM, check=check)
