"""A chat template reaches for Python's inside.

Why it matters
    Templates are rendered with the model's tokenizer. Libraries sandbox them, others do not:
    there, `__class__` leads to every class, and from there to a shell.
Fires on
    Names with double underscores as attributes, items or strings, the `attr` filter,
    `lipsum`, `cycler` and `joiner` used as doors, templates that include others.
Stays quiet on
    Loops, conditions, filters, `raise_exception`, `strftime_now`, macros, namespaces.
Remedy
    Replace the template by one that only formats messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from scanner.facts import TemplateFact
from scanner.findings import Confidence, Severity
from scanner.rules import Message, Rule

_LONGEST = 1_000_000
_INSIDE = re.compile(
    r"__(?:class|globals|builtins|import|subclasses|mro|bases?|init|getattribute|dict|code|self"
    r"|module|reduce|call|func|loader|spec|new|enter|exit)_{0,2}"
    r"|popen|func_globals|gi_frame|f_globals|f_builtins|cr_frame|ag_frame|tb_frame"
)
_HIDDEN = frozenset(
    """mro func_globals gi_frame gi_code f_globals f_builtins f_back cr_frame ag_frame tb_frame
    im_func im_self""".split()  # noqa: SIM905
)
_DOORS = frozenset({"lipsum", "cycler", "joiner", "self", "request", "config"})
_OTHERS = ("Include", "Import", "FromImport", "Extends")


def check(fact: TemplateFact) -> Iterator[Message]:
    """Yield one message for each kind of reach."""
    source = fact.source
    if len(source) > _LONGEST:
        yield Message(text="the template is too long to parse", severity=Severity.MEDIUM)
        return
    if "{%" not in source and "{{" not in source:
        return
    import jinja2

    try:
        environment = jinja2.Environment(
            extensions=["jinja2.ext.loopcontrols", "jinja2.ext.do", "jinja2.ext.i18n"]
        )
        tree = environment.parse(re.sub(r"{%-?\s*(?:end)?generation\s*-?%}", "", source))
    except (jinja2.TemplateError, RecursionError, ValueError, OverflowError):
        if _INSIDE.search(source):
            yield Message(
                text="the template does not parse, and speaks of Python's inside",
                severity=Severity.HIGH, confidence=Confidence.MEDIUM,
            )  # fmt: skip
        return
    told: set[str] = set()
    for node in _nodes(tree):
        said = _judge(node)
        if said is not None and said.text not in told:
            told.add(said.text)
            yield said


def _nodes(tree: Any) -> Iterator[Any]:
    pending = [tree]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(node.iter_child_nodes())


def _judge(node: Any) -> Message | None:
    kind = type(node).__name__
    if kind == "Getattr":
        return _name(node.attr) or _door(node)
    if kind == "Getitem":
        return _door(node)
    if kind == "Const" and isinstance(node.value, str):
        if _INSIDE.search(node.value):
            return Message(text=f"the template has the string {node.value[:60]!r}")
        if len(node.value) > 1 and not node.value.strip("_"):
            return Message(text="the template builds a name with underscores")
    if kind == "Filter" and node.name == "attr":
        return Message(text="the template uses the `attr` filter", severity=Severity.HIGH)
    if kind in _OTHERS:
        return Message(text="the template includes another", severity=Severity.MEDIUM)
    return None


def _name(attribute: str) -> Message | None:
    if attribute in _HIDDEN or (attribute.startswith("__") or attribute.endswith("__")):
        return Message(text=f"the template reaches for `{attribute[:60]}`")
    if attribute.startswith("_"):
        return Message(
            text=f"the template reaches for the private `{attribute[:60]}`",
            severity=Severity.MEDIUM,
        )
    return None


def _door(node: Any) -> Message | None:
    owner = node.node
    if type(owner).__name__ == "Name" and owner.name in _DOORS and owner.ctx == "load":
        return Message(text=f"the template uses `{owner.name}` as a door", severity=Severity.MEDIUM)
    return None


RULE = Rule(
    id="template-reaches-python", reads=TemplateFact, severity=Severity.CRITICAL, check=check
)
