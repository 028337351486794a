"""Python source: what it calls while it is imported, found on the syntax tree.

Source is known by parsing as Python and doing something: importing, defining, calling. Calls
are resolved through the file's own imports; functions that are called at the top level are
entered, others only wait to be called.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence

from scanner.facts import CodeFact
from scanner.formats import Format, Read
from scanner.formats import _versions as versions
from scanner.formats._text import first_word, is_legacy_text, is_text
from scanner.formats._torch_package import HINT
from scanner.patterns import pattern
from scanner.pickles.danger import effect
from scanner.reader import Blob
from scanner.syntax import LARGEST, children, dotted, parse, walk

_HINT = pattern(
    rb"^[ \t]*(?:import[ \t]|from[ \t]+\S+[ \t]+import|def[ \t]|class[ \t]|async[ \t]def|@)"
    rb"|\w\(|__\w+__",
    re.MULTILINE,
)
_RUN_BY_SITE = pattern(rb"^import[ \t]", re.MULTILINE)
"""The lines that `site` executes in a `.pth` file; the others are folders."""
_SOURCE = pattern(
    rb"^(?:[ \t]*(?:import[ \t]+[A-Za-z_][\w.]*(?:[ \t]+as[ \t]+\w+)?"
    rb"|from[ \t]+\.*[A-Za-z_][\w.]*[ \t]+import[ \t]+[\w(*]+)[ \t]*(?:[;,#]|\r?$)"
    rb"|(?:async[ \t]+)?def[ \t]+\w+\(|class[ \t]+\w+[(:]|(?:exec|eval)\()|\b__import__\(",
    re.MULTILINE,
)
"""Lines that a program too long to parse has and other text hardly ever."""
_RUN_BY_CLASSES = frozenset(
    {"__init__", "__new__", "__init_subclass__", "__call__", "__prepare__", "__set_name__"}
)
_RUN_BY_UNPICKLING = frozenset({"__setstate__", "__setattr__", "__setitem__", "append", "extend"})
_ACTS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Call)
_TELLING = (*_ACTS[:-1], ast.Assign, ast.Name, ast.Constant)


def recognise(blob: Blob) -> bool:
    """Whether it is text that parses as a Python program, or says by its name that it is."""
    if blob.hint == "torchscript":
        # The archive's reader has said that code is here; it is not run by Python.
        return False
    if _is_named(blob):
        return is_text(blob) or is_legacy_text(blob.head(1 << 20))
    if not is_text(blob) or not may_be_source(blob):
        return False
    if len(blob.data) > LARGEST:
        return True
    tree = parse(_source(blob), keep=True)
    return tree is not None and any(isinstance(node, _ACTS) for node in walk(tree))


def _is_named(blob: Blob) -> bool:
    """Whether Python takes it by its name: as source, or as lines that `site` runs."""
    name = blob.name.lower().rstrip(". ")
    if name.endswith(".pth"):
        return _RUN_BY_SITE.search(blob.data) is not None
    return name.endswith((".py", ".pyi", ".pyw"))


def may_be_source(blob: Blob) -> bool:
    """Whether text has what every program that does something has; says little of short text."""
    if first_word(blob)[:1] in (b"{", b"["):
        return False
    return (_HINT if len(blob.data) <= LARGEST else _SOURCE).search(blob.data) is not None


def _source(blob: Blob) -> bytes:
    """What Python runs of it."""
    data = bytes(blob.data)
    if blob.name.lower().endswith(".pth"):
        return b"\n".join(line for line in data.splitlines() if _RUN_BY_SITE.match(line))
    return data


def read(blob: Blob) -> Read:
    """Yield one fact with the names that are called at import."""
    tree = None
    if len(blob.data) > LARGEST:
        yield blob.problem("limit-reached", "longer than any program that is parsed")
    else:
        tree = parse(_source(blob))
    if tree is None:
        yield CodeFact(where=blob.where(), language="python", detail="it does not parse here")
        return
    owner, _, mentioned = blob.hint.partition(":")
    told = [node for node in walk(tree) if isinstance(node, _TELLING)]
    names = tuple(sorted(set(_called(tree, told, frozenset(mentioned.split())))))
    imports = ", ".join(sorted(set(_imported(told)))[:10])
    detail = f"imports {imports}" if imports else ""
    language = "interned-python" if owner == HINT else "python"
    yield CodeFact(where=blob.where(), language=language, names=names, detail=detail)


def _imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def _called(tree: ast.Module, nodes: Sequence[ast.AST], mentioned: frozenset[str]) -> Iterator[str]:
    """Names that are called at import, and where a pickle uses what it mentions.

    `nodes` are those of the tree that define, import, assign or may name the module anew.
    """
    aliases: dict[str, str] = {}
    functions: dict[str, list[ast.stmt]] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                aliases[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            functions.setdefault(node.name, []).extend(node.body)
        elif isinstance(node, ast.ClassDef):
            # Making an instance or a subclass runs what the class says for it.
            for part in node.body:
                if isinstance(part, ast.FunctionDef) and part.name in _RUN_BY_CLASSES:
                    functions.setdefault(node.name, []).extend(part.body)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    aliases.setdefault(target.id, dotted(node.value, aliases))
    mentioned = _with_bases(nodes, mentioned)
    for node in nodes:
        if isinstance(node, ast.ClassDef) and node.name in mentioned:
            for part in node.body:
                if isinstance(part, ast.FunctionDef) and part.name in _RUN_BY_UNPICKLING:
                    functions.setdefault(node.name, []).extend(part.body)
    guarded = not any(_renames(node) for node in nodes)
    entered: set[str] = set(mentioned)
    pending: list[ast.AST] = [tree]
    for name in mentioned:
        pending.extend(functions.get(name, ()))
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            decorators = getattr(node, "decorator_list", [])
            pending.extend(decorators)
            pending.extend(one.body for one in decorators if isinstance(one, ast.Lambda))
            pending.extend(node.args.defaults)
            continue
        if guarded and isinstance(node, ast.If) and _is_main(node.test):
            pending.extend(node.orelse)
            continue
        if isinstance(node, ast.ClassDef):
            for base in (*node.bases, *(keyword.value for keyword in node.keywords)):
                named = base.id if isinstance(base, ast.Name) else ""
                if named in functions and named not in entered:
                    entered.add(named)
                    pending.extend(functions[named])
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Lambda):
                pending.append(node.func.body)
            name = dotted(node.func, aliases)
            asked = versions.asked(name, node)
            if asked:
                yield f"`{asked}`"
            elif name and not _is_import(name, node):
                yield name
            local = name.rpartition(".")[2]
            if local in functions and local not in entered:
                entered.add(local)
                pending.extend(functions[local])
        pending.extend(children(node))


def _with_bases(nodes: Iterable[ast.AST], mentioned: frozenset[str]) -> frozenset[str]:
    """The mentioned names, and the classes of this file that those of them inherit from."""
    bases = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for node in nodes
        if isinstance(node, ast.ClassDef)
    }
    reached: set[str] = set()
    pending = list(mentioned)
    while pending:
        name = pending.pop()
        if name not in reached:
            reached.add(name)
            pending.extend(bases.get(name, ()))
    return frozenset(reached)


def _renames(node: ast.AST) -> bool:
    """Whether it may give the module another `__name__`."""
    if isinstance(node, ast.Name) and node.id == "__name__":
        return not isinstance(node.ctx, ast.Load)
    return isinstance(node, ast.Constant) and node.value == "__name__"


def _is_main(test: ast.expr) -> bool:
    """Whether it is `__name__ == "__main__"`: what follows runs as a script, never at import."""
    match test:
        case ast.Compare(
            left=ast.Name(id="__name__"),
            ops=[ast.Eq()],
            comparators=[ast.Constant(value="__main__")],
        ):
            return True
    return False


def _is_import(name: str, call: ast.Call) -> bool:
    """Whether it imports, by its plain name, a module of which nothing dangerous is known."""
    if name not in ("importlib.import_module", "__import__", "builtins.__import__"):
        return False
    if len(call.args) != 1 or call.keywords:
        return False
    module = call.args[0]
    return (
        isinstance(module, ast.Constant)
        and isinstance(module.value, str)
        and effect(module.value, "") is None
    )


FORMAT = Format(name="python", recognise=recognise, read=read)
