"""Outputs: one file an output, its constant `OUTPUT`. They print what is given and decide nothing.

The verdict of a policy is passed in by the caller: the scanner knows no policies.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import cache

from scanner.frozen import dataclass, field
from scanner.modules import names
from scanner.report import Report


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What a caller adds to a report: the answer, the policy that gave it, how to show it.

    `verdict` is `allow`, `deny` or `error`; `reasons` the sentences behind a no.
    """

    verdict: str = "allow"
    policy: str = "none"
    policy_digest: str = ""
    reasons: tuple[str, ...] = ()
    colour: bool = False
    width: int = 100
    version: str = "0"
    pages: Mapping[str, str] = field(default_factory=dict)
    """Rule pages by id, for outputs that carry them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """One way to print a report. `render` gives text that ends in a newline."""

    name: str
    render: Callable[[Report, Context], str]


@cache
def outputs() -> Mapping[str, Output]:
    """Return every output of this folder by name."""
    found = [importlib.import_module(f"{__name__}.{name}").OUTPUT for name in names(__path__)]
    return {known.name: known for known in sorted(found, key=lambda known: known.name)}


@cache
def output(form: str) -> Output:
    """Return the output of this name.

    Raises:
        KeyError: There is no such output.
    """
    # Only this one is imported: the XML of JUnit alone costs more than a small scan.
    if form not in names(__path__):
        raise KeyError(form)
    found = importlib.import_module(f"{__name__}.{form}").OUTPUT
    assert isinstance(found, Output)
    return found


def render(report: Report, form: str, context: Context | None = None) -> str:
    """Print a report in the form of this name.

    Raises:
        KeyError: There is no such output.
    """
    return output(form).render(report, context or Context())


def shown(text: str) -> str:
    """Text as it may be printed: control characters and lone surrogates escaped."""
    return "".join(
        char
        if char.isprintable() or char == " "
        else char.encode("unicode_escape", "backslashreplace").decode("ascii")
        for char in text
    )
