"""A chat template reaches for Python's inside.

Why it matters
    Templates are rendered with the model's tokenizer. Libraries sandbox them, others do not:
    there, `__class__` leads to every class, and from there to a shell.
Fires on
    Names with double underscores as attributes, items or strings, also where the template
    puts them together from constants, more of that than can be worked out, the `attr` filter,
    attributes and callables looked up by a name that cannot be worked out, numbers that would
    take all memory, `lipsum`, `cycler` and `joiner` used as doors, templates that include others.
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
from scanner.patterns import pattern
from scanner.rules import Message, Rule
from scanner.rules._fold import TOO_MUCH, constants, fold

_LONGEST = 1_000_000
_HUGE = 10_000_000
"""No template counts further than this."""
_INSIDE = pattern(
    r"__(?:class|globals|builtins|import|subclasses|mro|bases?|init|getattribute|dict|code|self"
    r"|module|reduce|call|func|loader|spec|new|enter|exit)_{0,2}"
    r"|popen|func_globals|gi_frame|f_globals|f_builtins|cr_frame|ag_frame|tb_frame",
    re.IGNORECASE,
)
_HIDDEN = frozenset(
    """mro func_globals gi_frame gi_code f_globals f_builtins f_back cr_frame ag_frame tb_frame
    im_func im_self""".split()  # noqa: SIM905
)
_DOORS = frozenset(
    {"lipsum", "cycler", "joiner", "self", "request", "config", "url_for", "get_flashed_messages"}
)
_ASSEMBLES = frozenset({"Add", "Concat", "Mul", "Mod", "Filter", "Getitem"})
_TEXT_FILTERS = frozenset({"join", "replace", "reverse", "format", "lower", "upper", "string"})
_MORE = Message(
    text="the template assembles more text than is worked out", severity=Severity.MEDIUM
)
_COUNTS = frozenset({"int", "length", "count", "first", "last", "min", "max", "abs", "round"})
_COMPUTED = Message(
    text="the template looks an item up by a string that it assembles",
    severity=Severity.HIGH, confidence=Confidence.MEDIUM,
)  # fmt: skip
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
    known = constants(tree)
    shown = {
        id(part) for node in tree.find_all(jinja2.nodes.Output) for part in node.nodes
    }  # fmt: skip
    for node in _nodes(tree):
        said = _judge(node, known, printed=id(node) in shown)
        if said is not None and said.text not in told:
            told.add(said.text)
            yield said


def _nodes(tree: Any) -> Iterator[Any]:
    pending = [tree]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(node.iter_child_nodes())


def _judge(node: Any, known: dict[str, object], *, printed: bool) -> Message | None:
    kind = type(node).__name__
    if kind == "Getattr":
        return _name(node.attr) or _door(node)
    if kind == "Getitem":
        said = _door(node) or _assembled(node.arg, known) or _of_text(node, known)
        if said is not None:
            return said
    if kind == "Const" and isinstance(node.value, str):
        if _INSIDE.search(node.value):
            return Message(text=f"the template has the string {node.value[:60]!r}")
        if len(node.value) > 1 and not node.value.strip("_") and not printed:
            return Message(text="the template builds a name with underscores")
    if kind == "Keyword" and (_INSIDE.search(node.key) or "__" in node.key):
        return Message(text=f"the template has the name {node.key[:60]!r}")
    if kind == "Filter" and _looks_up(node):
        return Message(text="the template uses the `attr` filter", severity=Severity.HIGH)
    if kind in _ASSEMBLES or (kind == "Call" and type(node.node).__name__ == "Getattr"):
        value = fold(node, known)
        if isinstance(value, str) and _INSIDE.search(value):
            return Message(text=f"the template assembles the string {value[:60]!r}")
        # A repetition alone holds nothing but itself; what is cut out of it may be anything.
        if value is TOO_MUCH and kind != "Mul":
            return _MORE
    said = _computed(node, kind, known) or _costs(node, kind)
    if said is not None:
        return said
    if kind in _OTHERS:
        return Message(text="the template includes another", severity=Severity.MEDIUM)
    return None


def _looks_up(node: Any) -> bool:
    """Whether a filter takes attributes by name, or maps the filter that does."""
    if node.name == "attr":
        return True
    first = node.args[0] if node.name == "map" and node.args else None
    return type(first).__name__ == "Const" and getattr(first, "value", None) == "attr"


def _assembled(key: Any, known: dict[str, object]) -> Message | None:
    """An item that is looked up by a string put together on the way, which data never needs."""
    value = fold(key, known)
    if value is TOO_MUCH:
        return _MORE
    if isinstance(value, str):
        if _INSIDE.search(value):
            return Message(text=f"the template reaches for `{value[:60]}`")
        return None
    kind = type(key).__name__
    if kind == "Filter" and key.name not in _COUNTS and key.name not in _TEXT_FILTERS:
        return _COMPUTED
    method = kind == "Call" and isinstance(fold(getattr(key.node, "node", None), known), str)
    text = method or kind == "Concat" or (kind == "Filter" and key.name in _TEXT_FILTERS)
    if text or (kind == "Add" and _has_text(key)):
        return _COMPUTED
    return None


def _of_text(node: Any, known: dict[str, object]) -> Message | None:
    """An item of a constant string by something computed: only its attributes have names."""
    if not isinstance(fold(node.node, known), str):
        return None
    kind = type(node.arg).__name__
    if kind in ("Const", "Slice", "Neg") or isinstance(fold(node.arg, known), int):
        return None
    if kind == "Getattr" and getattr(node.arg.node, "name", "") == "loop":
        return None
    return _COMPUTED


def _has_text(node: Any) -> bool:
    return any(isinstance(part.value, str) for part in _constants(node))


def _constants(node: Any) -> Iterator[Any]:
    return (part for part in _nodes(node) if type(part).__name__ == "Const")


def _computed(node: Any, kind: str, known: dict[str, object]) -> Message | None:
    """A name that is put together in ways that are not worked out here."""
    text = None
    if kind in ("List", "Tuple") and sum(
        getattr(item, "value", None) == "_" for item in node.items
    ) > 1:  # fmt: skip
        text = "the template builds a name with underscores"
    elif kind == "Call" and type(node.node).__name__ == "Getitem":
        if type(node.node.arg).__name__ != "Const":
            text = "the template calls an item that it looks up by a computed name"
    elif kind == "Call" and type(node.node).__name__ == "Getattr":
        owner = node.node.node
        unknown = node.node.attr in ("format", "format_map") and fold(owner, known) is None
        if unknown and any("{" in str(part.value) for part in _constants(owner)):
            text = "the template assembles a format, which can reach attributes"
    elif kind == "Filter":
        keys = [one.value for one in node.kwargs or () if one.key == "attribute"]
        if node.name in ("selectattr", "rejectattr", "groupby") and node.args:
            keys.append(node.args[0])
        if any(type(key).__name__ != "Const" for key in keys):
            text = "the template looks an attribute up by a computed name"
    if text is None:
        return None
    return Message(text=text, severity=Severity.HIGH, confidence=Confidence.MEDIUM)


def _costs(node: Any, kind: str) -> Message | None:
    """A number that asks for more time or memory than any conversation takes."""
    loops = kind == "For" and _turns(node) > _HUGE
    filler = kind == "Call" and getattr(node.node, "name", "") == "lipsum"
    huge = (
        loops or filler or (kind == "Const" and type(node.value) is int and abs(node.value) > _HUGE)
    )
    if huge or kind == "Pow":
        text = "the template works with a number that would take all time or memory"
        return Message(text=text, severity=Severity.MEDIUM)
    return None


def _turns(node: Any) -> int:
    """How often the innermost of nested loops over constant ranges turns."""
    import jinja2.nodes

    turns, pending = 0, [(node, 1)]
    while pending:
        loop, times = pending.pop()
        call = loop.iter
        if type(call).__name__ == "Call" and getattr(call.node, "name", "") == "range":
            sizes = [arg.value for arg in call.args if type(getattr(arg, "value", None)) is int]
            times *= max((abs(size) for size in sizes[:2]), default=1)
        turns = max(turns, times)
        if times <= _HUGE:
            below = (inner for part in loop.body for inner in _nodes(part))
            pending.extend((inner, times) for inner in below if isinstance(inner, jinja2.nodes.For))
            if len(pending) > 1_000:
                return _HUGE + 1
    return turns


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
