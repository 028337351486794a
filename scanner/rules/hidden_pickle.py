"""A pickle that would act lies inside something else.

Why it matters
    Metadata, tensors of bytes and data behind a file's end are not unpickled where they lie;
    the program that comes with the model can do so. Ordinary files carry no such bytes.
Fires on
    pickles, also in base64, hexadecimal and escapes, in which a known dangerous function is
    called, anywhere in text and in a file of up to 16 MiB that is no archive; in larger ones,
    in the metadata of safetensors, GGUF and ONNX and in all of HDF5 but plain weights, which
    no loader takes for a pickle.
Stays quiet on
    pickles of plain data, bytes that only look like opcodes, and what the reading of a pickle
    tells already.
Remedy
    Find out what put the bytes there; do not load the model with its own code.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.facts import ProblemFact
from scanner.findings import Severity
from scanner.rules import Message, Rule


def check(fact: ProblemFact) -> Iterator[Message]:
    """Yield the problem when it is of this kind."""
    if fact.kind == "hidden-pickle":
        yield Message(text=fact.message, evidence={"kind": fact.kind, **(fact.detail or {})})


RULE = Rule(id="hidden-pickle", reads=ProblemFact, severity=Severity.HIGH, check=check)
