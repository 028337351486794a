"""Python source as a syntax tree: parsed once for whoever looks at it, and walked once.

A megabyte of dense source makes a million nodes and takes seconds to parse, so the tree that
was made to recognise a file is kept until it is read.
"""

from __future__ import annotations

import ast
import gc
import warnings
from collections import deque
from collections.abc import Iterator

LARGEST = 2_000_000
"""Bytes of source that are parsed; no program is longer."""

_LEAVES = (ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop)

_kept: tuple[bytes, ast.Module | None] | None = None


def parse(data: bytes, *, keep: bool = False) -> ast.Module | None:
    """The tree of a program; None where it does not parse here.

    With `keep`, the next call for the same bytes gets the same tree. One tree is kept at most,
    since it takes hundreds of times the memory of its source.
    """
    global _kept
    kept, _kept = _kept, None
    tree = kept[1] if kept is not None and kept[0] == data else _parsed(data)
    if keep:
        _kept = (data, tree)
    return tree


def _parsed(data: bytes) -> ast.Module | None:
    try:
        return parse_strictly(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def parse_strictly(data: bytes) -> ast.Module:
    """The tree of a program.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it does not parse here.
    """
    if len(data) > LARGEST:
        raise ValueError(f"{len(data)} bytes of source")
    # A tree has no cycles, and looking for them again and again doubles the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(data)
    finally:
        if collecting:
            gc.enable()


def walk(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes, nearest to the root first, as `ast.walk`; operators and contexts left out."""
    pending = deque([tree])
    while pending:
        node = pending.popleft()
        yield node
        pending.extend(children(node))


def children(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes right below one; operators and contexts left out."""
    if isinstance(node, (ast.Name, ast.Constant)):
        return
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list):
            yield from (
                each
                for each in value
                if isinstance(each, ast.AST) and not isinstance(each, _LEAVES)
            )
        elif isinstance(value, ast.AST) and not isinstance(value, _LEAVES):
            yield value


def dotted(node: ast.expr, aliases: dict[str, str]) -> str:
    """The name that a call's target stands for, imports followed; empty where it is none."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Call):
        inner = node
        name = inner.func.id if isinstance(inner.func, ast.Name) else ""
        if name == "__import__" and inner.args and isinstance(inner.args[0], ast.Constant):
            parts.append(str(inner.args[0].value))
            return ".".join(reversed(parts))
        return ""
    if not isinstance(node, ast.Name):
        return ""
    parts.append(aliases.get(node.id, node.id))
    return ".".join(reversed(parts))
