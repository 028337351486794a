"""What Python source would do: its imports, what it calls while imported, what it could call.

Found on the syntax tree alone; nothing is imported or run. A reader who is to approve code
begins here, and goes on to the code itself.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator

from scanner.formats.python import _dotted
from scanner.frozen import dataclass
from scanner.rules.embedded_code import dangerous

_LARGEST = 2_000_000


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
        if len(data) > _LARGEST:
            raise ValueError(f"{len(data)} bytes of source")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return (SourceLine(line=1, does=f"does not parse here: {error}", dangerous=True),)
    return tuple(sorted(set(_lines(tree)), key=lambda each: (each.line, each.does)))


def _lines(tree: ast.Module) -> Iterator[SourceLine]:
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
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
    later = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for part in ([node.body] if isinstance(node, ast.Lambda) else node.body)
        for inner in ast.walk(part)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = _dotted(node.func, aliases)
            if node not in later:
                yield SourceLine(
                    line=node.lineno,
                    does=f"calls {name or ast.unparse(node.func)[:80]} while imported",
                    dangerous=bool(name) and dangerous(name),
                )
            elif name and dangerous(name):
                yield SourceLine(line=node.lineno, does=f"may call {name}", dangerous=True)
        elif isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node in tree.body:
            kind = "class" if isinstance(node, ast.ClassDef) else "function"
            yield SourceLine(line=node.lineno, does=f"defines the {kind} {node.name}")
