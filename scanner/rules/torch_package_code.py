"""A `torch.package` archive holds the Python of its model.

Why it matters
    `PackageImporter` imports the archive's source, and modules of the machine that it lists,
    as soon as a pickle in it names a class: the model is code by nature.
Fires on
    Archives written by `torch.package.PackageExporter`, once each. What the source does
    while it is imported or unpickled is judged beside it (`embedded-code`), and so are the
    pickles.
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
    """Yield one message that names what is imported."""
    if fact.language != "torch-package":
        return
    own = f"the source it holds of {_some(fact.names)}" if fact.names else "no source of its own"
    outside = fact.detail.split()
    other = f" and from outside {_some(tuple(outside))}" if outside else ""
    yield f"a torch.package, whose loader imports {own}{other}"


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(f"`{name[:80]}`" for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


RULE = Rule(id="torch-package-code", reads=CodeFact, severity=Severity.MEDIUM, check=check)
