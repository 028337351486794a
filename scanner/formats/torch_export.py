"""Programs that `torch.export` writes as JSON: expressions, guards and targets that torch follows.

Loading hands each `expr_str` to sympy, which evaluates it as Python; guards are compiled; a
node's target is looked up by attributes, beginning at `torch`, `math` or `operator`.
Arithmetic over sizes and operators of torch's own libraries are what an export needs.

Source: `torch/_export/serde/serialize.py`, `schema.py` and `torch/export/_unlift.py`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from scanner.facts import CodeFact
from scanner.formats import Format, Read
from scanner.formats._json import DuplicateKeyError, TooDeepError, load_json
from scanner.formats._named import OPERATOR
from scanner.formats.json import recognise as is_json
from scanner.patterns import pattern
from scanner.reader import Blob

_SPEAKS = pattern(rb'"(?:expr_str|guards_code|graph_module)"|\\u00[4-7]')
_FUNCTIONS = frozenset(
    """Abs Add And Equality Unequality StrictLessThan StrictGreaterThan LessThan GreaterThan
    BitwiseFn_bitwise_and BitwiseFn_bitwise_or CeilDiv CeilToInt CleanDiv Eq
    FloatPow FloatTrueDiv Float FloorDiv FloorToInt Ge Gt Identity IntTrueDiv Integer
    IsNonOverlappingAndDenseIndicator Le LShift Lt Max Min Mod ModularIndexing Mul Ne Not
    OpaqueUnaryFn_cos OpaqueUnaryFn_exp OpaqueUnaryFn_log OpaqueUnaryFn_sin
    OpaqueUnaryFn_sqrt OpaqueUnaryFn_tanh Or Piecewise Pow PowByNatural PythonMod RShift
    Rational RoundDecimal RoundToInt ToFloat TruncToFloat TruncToInt Where Xor abs ceiling
    cast_symbool_to_symint_guardless float floor int max min round sqrt len not_ sym_and
    sym_or""".split()  # noqa: SIM905
)
"""What torch's expressions over sizes call; each computes with numbers alone."""
_METHODS = frozenset({"size", "stride", "storage_offset", "dim", "numel", "item"})
_PLAIN = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Tuple,
    ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.Load,
)  # fmt: skip
_NAME = pattern(r"(?!.*__)[A-Za-z_]\w{0,60}")
_LONGEST = 10_000


def recognise(blob: Blob) -> bool:
    """Whether a JSON document speaks of a program as `torch.export` does."""
    if not is_json(blob) or len(blob.data) > blob.limits.json_bytes:
        return False
    return _SPEAKS.search(blob.data) is not None


def read(blob: Blob) -> Read:
    """Yield what is more than arithmetic; damage is told by the JSON reader."""
    try:
        document = load_json(bytes(blob.data), blob.limits)
    except (ValueError, RecursionError, TooDeepError, DuplicateKeyError):
        return
    graphs = isinstance(document, dict) and "graph_module" in document
    for key, value in _strings(document):
        if key in ("expr_str", "guards_code"):
            said = objection(value, guard=key == "guards_code")
            if said is not None:
                yield CodeFact(
                    where=blob.where(), language="torch-expression", names=(said[:200],),
                    detail="more than arithmetic over sizes",
                )  # fmt: skip
        elif key == "target" and graphs and not OPERATOR.fullmatch(value):
            yield CodeFact(
                where=blob.where(), language="torch-target", names=(value[:200],),
                detail="no operator of torch's own",
            )  # fmt: skip
        elif "__enum__" in value and key in ("in_spec", "out_spec", "context"):
            yield CodeFact(where=blob.where(), language="torch-target", names=(value[:200],),
                           detail="a structure that imports a module")  # fmt: skip


def _strings(document: Any) -> Iterator[tuple[str, str]]:
    """Every string of the document with the key that it, or its list, stands under."""
    pending: list[tuple[str, Any]] = [("", document)]
    while pending:
        key, value = pending.pop()
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, list):
            pending.extend((key, item) for item in reversed(value))
        elif isinstance(value, dict):
            pending.extend(reversed(list(value.items())))


def objection(text: str, *, guard: bool = False) -> str | None:
    """What in the expression is no arithmetic: a name that it calls, or the expression itself.

    A guard may also read sizes of inputs, `L['x'].size()[0]`. None when there is nothing.
    """
    if len(text) > _LONGEST:
        return text
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # Unevaluated relations and sympy's own transformations read more than Python does.
        return text
    wrong: str | None = None
    written: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id in ("Symbol", "Dummy", "Float"):
                if _is_literal(node):
                    written.update(map(id, node.args))
                else:
                    wrong = text
                continue
            if isinstance(called, ast.Name) and called.id in _FUNCTIONS and not node.keywords:
                continue
            if guard and isinstance(called, ast.Attribute) and called.attr in _METHODS:
                continue
            names = [one.id for one in ast.walk(called) if isinstance(one, ast.Name)]
            return names[0] if names else text
        if isinstance(node, ast.Name):
            fine = _NAME.fullmatch(node.id) is not None
        elif isinstance(node, ast.Constant):
            fine = guard or id(node) in written or isinstance(node.value, (int, float))
        elif isinstance(node, ast.Attribute):
            fine = guard and node.attr in _METHODS | {"shape", "ndim"}
        else:
            fine = isinstance(node, (*_PLAIN, ast.keyword)) or (
                guard and isinstance(node, ast.Subscript)
            )
        if not fine:
            wrong = text
    return wrong


def _is_literal(call: ast.Call) -> bool:
    """Whether it is `Symbol('s0', integer=True)` or a number with its precision."""
    return (
        len(call.args) == 1
        and isinstance(call.args[0], ast.Constant)
        and re.fullmatch(r"[\w.+-]{1,60}", str(call.args[0].value)) is not None
        and all(
            one.arg and isinstance(one.value, ast.Constant) and isinstance(one.value.value, int)
            for one in call.keywords
        )
    )


FORMAT = Format(name="torch-export", recognise=recognise, read=read, aspect=True)
