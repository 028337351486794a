"""All sources of a TorchScript archive together: what they call, and what runs while loading.

Loading compiles every class that the archive's objects are of, and runs their
`__setstate__`. That may unpack a tuple and pack weights again, as torch's quantised layers
do: no loops, no operators but those of `operators.admitted_at_load`, and few calls.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from scanner.torchscript.functions import Function
from scanner.torchscript.operators import admitted_at_load, effect
from scanner.torchscript.source import (
    Declared,
    ObjectionError,
    check_letters,
    check_type,
    declare,
    parse,
)

_MOST_SAID = 20
_IMPLIED = frozenset(
    "__getitem__ __bool__ __int__ __float__ __complex__ __str__".split()  # noqa: SIM905
)
_MOST_CALLS = 1_000
"""Calls that one `__setstate__` may make, those of what it calls counted each time."""

_NOTHING = ast.FunctionDef("", ast.arguments([], [], None, [], [], None, []), [ast.Pass()], [])


def judge(sources: Iterable[tuple[str, str]]) -> list[ObjectionError]:
    """Judge the sources of an archive, each with the name of its module; [] when all is listed."""
    said: dict[tuple[str, str], ObjectionError] = {}

    def note(found: Iterable[ObjectionError]) -> None:
        for one in found:
            if len(said) < _MOST_SAID or effect(one.what):
                said.setdefault((one.what, one.why), one)

    known = Declared()
    try:
        for module, text in sources:
            try:
                check_letters(text)
            except ObjectionError as error:
                # It is not admitted any more; what it holds is told where it parses.
                note([ObjectionError(f"{module}: {error.what}", error.why)])
            try:
                tree = parse(text)
            except ObjectionError as error:
                note([ObjectionError(f"{module}: {error.what}", error.why)])
                continue
            note(declare(module, tree, known))
        judged: dict[ast.FunctionDef, Function] = {}
        for node in known.functions.values():
            judged[node] = Function(node, known)
        for name, held in known.classes.items():
            for kind in held.fields.values():
                try:
                    check_type(kind, known)
                except ObjectionError as error:
                    note([error])
            for node in held.methods.values():
                judged[node] = Function(node, known, owner=name)
        for function in judged.values():
            note(function.objections())
        for value in known.computed:
            note(Function(_NOTHING, known).expression(value))
        costs: dict[ast.FunctionDef, int] = {}
        for name, held in known.classes.items():
            if "__setstate__" in held.methods:
                note(_implied(known))
                note(_while_loading(name, held.methods["__setstate__"], judged, costs))
    except RecursionError:
        note([ObjectionError("source", "it is nested too deeply to be judged")])
    return list(said.values())


def _implied(known: Declared) -> Iterable[ObjectionError]:
    """Yield methods that are called without being named, which nobody counts."""
    for name, held in known.classes.items():
        for method in sorted(_IMPLIED & set(held.methods)):
            yield ObjectionError(
                f"{name}.{method}", "beside `__setstate__` it may run while loading"
            )


def _while_loading(
    name: str,
    start: ast.FunctionDef,
    judged: Mapping[ast.FunctionDef, Function],
    costs: dict[ast.FunctionDef, int],
) -> Iterable[ObjectionError]:
    """Yield what a `__setstate__` does beyond unpacking."""
    if _cost(start, judged, costs, ()) > _MOST_CALLS:
        yield ObjectionError(f"{name}.__setstate__", "it makes many calls while loading")
        return
    seen: set[ast.FunctionDef] = set()
    pending = [start]
    while pending:
        node = pending.pop()
        if node in seen:
            continue
        seen.add(node)
        function = judged[node]
        if function.repeats:
            yield ObjectionError(f"{name}.__setstate__", "it repeats or forks while loading")
        for operator in function.operators:
            if not admitted_at_load(operator):
                yield ObjectionError(f"{name}.__setstate__", f"it calls {operator} while loading")
        pending.extend(function.calls)


def _cost(
    node: ast.FunctionDef,
    judged: Mapping[ast.FunctionDef, Function],
    costs: dict[ast.FunctionDef, int],
    above: tuple[ast.FunctionDef, ...],
) -> int:
    """How many calls are made by calling this once; more than is allowed when it recurs."""
    if node in above or len(above) > 50:
        return _MOST_CALLS + 1
    if node not in costs:
        total = 1
        for called in judged[node].calls:
            total += _cost(called, judged, costs, (*above, node))
            if total > _MOST_CALLS:
                break
        costs[node] = total
    return costs[node]
