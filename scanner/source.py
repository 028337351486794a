"""What Python source would do: its imports, what it calls while imported, what it could call.

Found on the syntax tree alone; nothing is imported or run. A reader who is to approve code
begins here, and goes on to the code itself.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import islice

from scanner.frozen import dataclass
from scanner.rules.embedded_code import dangerous
from scanner.syntax import children, dotted, parse_strictly, walk


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceLine:
    """One thing a file would do: `does` in words, at a line; `dangerous` where it is known so."""

    line: int
    does: str
    dangerous: bool = False

    def __str__(self) -> str:
        mark = "  DANGEROUS" if self.dangerous else ""
        return f"  line {self.line}: {self.does}{mark}"


def explain_source(data: bytes) -> tuple[SourceLine, ...]:
    """Explain one file, in the order of its lines."""
    try:
        tree = parse_strictly(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return (SourceLine(line=1, does=f"does not parse here: {error}", dangerous=True),)
    return tuple(sorted(set(_lines(tree)), key=lambda each: (each.line, each.does)))


def _lines(tree: ast.Module) -> Iterator[SourceLine]:
    aliases: dict[str, str] = {}
    calls: list[ast.Call] = []
    for node in walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                aliases[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
                yield SourceLine(line=node.lineno, does=f"imports {alias.name}")
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                yield SourceLine(line=node.lineno, does=f"imports {alias.name} from {module}")
        elif isinstance(node, ast.Call):
            calls.append(node)
    later = set(_later(tree)) if calls else set()
    for call in calls:
        name = dotted(call.func, aliases)
        if call not in later:
            yield SourceLine(
                line=call.lineno,
                does=f"calls {name or _shown(call.func)} while imported",
                dangerous=bool(name) and dangerous(name),
            )
        elif name and dangerous(name):
            yield SourceLine(line=call.lineno, does=f"may call {name}", dangerous=True)
    for part in tree.body:
        if isinstance(part, (ast.ClassDef, ast.FunctionDef)):
            kind = "class" if isinstance(part, ast.ClassDef) else "function"
            yield SourceLine(line=part.lineno, does=f"defines the {kind} {part.name}")


_SHOWN_NODES = 100
"""Nodes of an expression that is printed; longer ones may be nested beyond what can be."""


def _shown(expression: ast.expr) -> str:
    if len(list(islice(walk(expression), _SHOWN_NODES + 1))) > _SHOWN_NODES:
        return "what a long expression gives"
    return ast.unparse(expression)[:80]


def _later(tree: ast.Module) -> Iterator[ast.Call]:
    """The calls in the bodies of functions, which wait until those are called."""
    pending: list[tuple[ast.AST, bool]] = [(tree, False)]
    while pending:
        node, waits = pending.pop()
        if waits and isinstance(node, ast.Call):
            yield node
        body: set[int] = set()
        if not waits and isinstance(node, ast.Lambda):
            body = {id(node.body)}
        elif not waits and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = {id(part) for part in node.body}
        pending.extend((child, waits or id(child) in body) for child in children(node))
