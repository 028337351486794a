"""One function of a TorchScript program: each statement, each call, and what it calls on.

A call is an operator by its full name, a function or class that the archive declares, a word
of the language, or a method. A method counts only where the class of the object is told by
declared types: on any other object torch would take the name for an operator.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from scanner.torchscript.operators import CLASSES, CUSTOM, admitted, effect, objection
from scanner.torchscript.source import (
    ROOT,
    TAKEN,
    Declared,
    ObjectionError,
    check_type,
    dotted,
    is_constant,
    literal,
)

_CASTS = frozenset({"annotate", "unchecked_cast"})
_CONVERTS = frozenset({"int", "float", "bool", "complex", "print"})
_SPAWNS = frozenset({"fork", "awaitable"})
_MOST_LOOKED = 1_000_000
"""Values and classes looked at in one archive: a second or two; large models take thousands."""
_ELEMENT = {"List": 0, "Dict": 1, "Future": 0, "Await": 0}


class Function:
    """A function being judged; `calls` and `operators` are what it reaches."""

    def __init__(self, node: ast.FunctionDef, known: Declared, owner: str = "") -> None:
        self.node = node
        self.known = known
        self.owner = owner
        self.bound: dict[str, list[tuple[ast.expr | None, bool]]] = {}
        """Of each variable what it is given: an expression, or a type (then True)."""
        self.closures: set[str] = set()
        self.operators: list[str] = []
        self.calls: list[ast.FunctionDef] = []
        self.repeats = False
        self._types: dict[int, ast.expr | None] = {}
        self._open: set[str] = set()
        self._aliases: dict[str, ast.FunctionDef | None] = {}
        """Filled once all that variables are given is noted."""

    def objections(self) -> Iterator[ObjectionError]:
        """Judge it; yield what is not admitted."""
        yield from self._signature(self.node, method=bool(self.owner))
        statements = list(_statements(self.node))
        for one in statements:
            yield from self._binds(one)
        for one in statements:
            yield from self._statement(one)

    def _signature(self, node: ast.FunctionDef, *, method: bool) -> Iterator[ObjectionError]:
        given = node.args
        if (
            node.decorator_list or given.posonlyargs or given.kwonlyargs or given.vararg
            or given.kwarg
        ):  # fmt: skip
            yield ObjectionError(node.name, "torch writes no such parameters")
        for number, one in enumerate(given.args):
            if method and number == 0:
                # Whatever its annotation says, torch takes it for the class's own.
                own = ast.parse(self.owner, mode="eval").body
                yield from self._bind(one.arg, own, typed=True)
                if one.annotation is not None and dotted(one.annotation) != self.owner:
                    yield ObjectionError(one.arg, f"its type is not {self.owner}")
                continue
            yield from self._bind(one.arg, one.annotation, typed=True)
            if one.annotation is not None:
                yield from self._type(one.annotation)
        if node.returns is not None:
            yield from self._type(node.returns)
        for default in given.defaults:
            if not literal(default):
                # Torch runs defaults while it loads the file.
                yield from self.expression(default)
                yield ObjectionError(f"default of {node.name}", "it is computed while loading")

    def _type(self, node: ast.expr) -> Iterator[ObjectionError]:
        try:
            check_type(node, self.known)
        except ObjectionError as error:
            yield error

    def _bind(
        self, name: str, given: ast.expr | None, *, typed: bool = False
    ) -> Iterator[ObjectionError]:
        if name in TAKEN:
            yield ObjectionError(name, "the language has another meaning for this name")
        self.bound.setdefault(name, []).append((given, typed))

    def _binds(self, node: ast.stmt) -> Iterator[ObjectionError]:
        """Note what a statement gives to variables."""
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield from self._bind(name, value)
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=value):
                pairs = isinstance(value, ast.Tuple) and len(value.elts) == len(names)
                for number, target in enumerate(names):
                    if isinstance(target, ast.Name):
                        part = value.elts[number] if pairs else None  # type: ignore[attr-defined]
                        if not pairs:
                            # The item of what the call returns.
                            part = ast.Subscript(
                                value=value, slice=ast.Constant(value=number), ctx=ast.Load()
                            )
                        yield from self._bind(target.id, part)
            case ast.AnnAssign(target=ast.Name(id=name), annotation=kind):
                yield from self._bind(name, kind, typed=True)
            case ast.For(target=ast.Name(id=name)):
                yield from self._bind(name, None)
            case ast.With(items=items):
                for item in items:
                    if isinstance(item.optional_vars, ast.Name):
                        yield from self._bind(item.optional_vars.id, None)
            case ast.FunctionDef(name=name) if node is not self.node:
                self.closures.add(name)
                yield from self._bind(name, None)

    def _statement(self, node: ast.stmt) -> Iterator[ObjectionError]:
        match node:
            case ast.Pass() | ast.Return(value=None):
                return
            case ast.Return(value=value) if value is not None:
                yield from self.expression(value)
            case ast.Expr(value=ast.Call() as value):
                yield from self.expression(value)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                if not (self._alias(name) and dotted(value) in self.known.functions):
                    yield from self.expression(value)
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=value) if all(
                isinstance(target, ast.Name) for target in names
            ):
                yield from self.expression(value)
            case ast.Assign(targets=[ast.Attribute(value=target)], value=value):
                yield from self.expression(target)
                yield from self.expression(value)
            case ast.AnnAssign(target=ast.Name(), annotation=kind, value=value):
                yield from self._type(kind)
                if value is not None:
                    yield from self.expression(value)
            case ast.If(test=test):
                yield from self.expression(test)
            case ast.While(test=test, orelse=[]):
                self.repeats = True
                yield from self.expression(test)
            case ast.For(
                target=ast.Name(),
                iter=ast.Call(func=ast.Name(id="range"), args=[count], keywords=[]),
                orelse=[],
            ) if "range" not in self.bound:
                self.repeats = True
                yield from self.expression(count)
            case ast.With(items=items) if all(
                item.optional_vars is None or isinstance(item.optional_vars, ast.Name)
                for item in items
            ):
                self.repeats = True
                for item in items:
                    yield from self.expression(item.context_expr)
            case ast.FunctionDef():
                self.repeats = True
                yield from self._signature(node, method=False)
            case _:
                yield ObjectionError(
                    type(node).__name__, "torch's printer writes no such statement"
                )

    def _alias(self, name: str) -> ast.FunctionDef | None:
        """The function that a variable stands for, where it is given nothing else."""
        if name in self._aliases:
            return self._aliases[name]
        given = self.bound.get(name, ())
        called = {
            dotted(value) if value is not None and not typed else "" for value, typed in given
        }
        found = self.known.functions.get(called.pop()) if len(called) == 1 else None
        self._aliases[name] = found
        return found

    def expression(self, root: ast.expr) -> Iterator[ObjectionError]:
        """Yield what in an expression is not admitted."""
        pending: list[ast.expr] = [root]
        while pending:
            node = pending.pop()
            try:
                pending.extend(self._parts(node))
            except ObjectionError as error:
                yield error
                # Whatever else is in it is told too.
                pending.extend(
                    part
                    for part in ast.iter_child_nodes(node)
                    if isinstance(part, ast.expr)
                    and not (isinstance(node, ast.Call) and part is node.func)
                )

    def _parts(self, node: ast.expr) -> list[ast.expr]:
        """What of an expression is still to be judged.

        Raises:
            ObjectionError: It is not admitted.
        """
        match node:
            case ast.Constant() | ast.UnaryOp() | ast.BinOp():
                if literal(node):
                    return []
            case ast.Name(id=name):
                if name not in TAKEN or literal(node):
                    return []
                raise ObjectionError(name, "it is handed on, and not called")
            case ast.Attribute(value=value):
                name = dotted(node)
                first = name.partition(".")[0]
                if is_constant(node) or (first == ROOT and self.known.knows(name)):
                    return []
                if first not in TAKEN:
                    return [value]
                called = _operator(name) or name
                raise ObjectionError(called, effect(called) or "it is handed on, and not called")
            case ast.Subscript(value=value, slice=ast.Slice(lower=low, upper=high, step=None)):
                return [value, *(one for one in (low, high) if one is not None)]
            case ast.Subscript(value=value, slice=index):
                return [value, index]
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return items
            case ast.Dict(keys=keys, values=values):
                return [*(key for key in keys if key is not None), *values]
            case ast.Call():
                return self._call(node)
        raise ObjectionError(type(node).__name__, "torch's printer writes no such expression")

    def _call(self, node: ast.Call) -> list[ast.expr]:
        if any(isinstance(one, ast.Starred) for one in node.args) or any(
            one.arg is None for one in node.keywords
        ):
            raise ObjectionError("*", "torch's printer writes no such argument")
        rest = [*node.args, *(one.value for one in node.keywords)]
        func = node.func
        if isinstance(func, ast.Name):
            return self._word(func.id, node, rest)
        if not isinstance(func, ast.Attribute):
            raise ObjectionError(type(func).__name__, "what is called is computed")
        name = dotted(func)
        first = name.partition(".")[0]
        operator = _operator(name)
        if operator is not None:
            return self._operator(operator, rest)
        if first == ROOT:
            if name in self.known.functions:
                self.calls.append(self.known.functions[name])
                return rest
            if name in self.known.classes and self.known.classes[name].base == "NamedTuple":
                return rest
            made = name.removesuffix(".__new__")
            if made != name and made in self.known.classes and [dotted(a) for a in rest] == [made]:
                return []
        if first in TAKEN:
            raise ObjectionError(name, "nothing that the archive declares or a list admits")
        return self._method(func, rest)

    def _word(self, word: str, node: ast.Call, rest: list[ast.expr]) -> list[ast.expr]:
        """A call by a bare name: a word of the language, or a function by its short name."""
        if word in _CASTS and len(rest) == 2 and not node.keywords:
            check_type(rest[0], self.known)
            return rest[1:]
        if word == "uninitialized" and len(rest) == 1:
            check_type(rest[0], self.known)
            return []
        if word == "isinstance" and len(rest) == 2:
            kinds = rest[1].elts if isinstance(rest[1], (ast.List, ast.Tuple)) else [rest[1]]
            for kind in kinds:
                check_type(kind, self.known)
            return rest[:1]
        if word == "getattr" and len(rest) == 2 and _text(rest[1]) is not None:
            return rest[:1]
        if word in _SPAWNS and [isinstance(one, ast.Name) and one.id in self.closures
                                for one in rest] == [True]:  # fmt: skip
            return []
        if word in _CONVERTS and word not in self.bound and not node.keywords:
            return rest
        called = self._alias(word) if word not in TAKEN else None
        if called is None:
            raise ObjectionError(word, "nothing that the archive declares or a list admits")
        self.calls.append(called)
        return rest

    def _operator(self, operator: str, rest: list[ast.expr]) -> list[ast.expr]:
        self.operators.append(operator)
        why = objection(operator)
        if why is not None:
            raise ObjectionError(operator, why)
        return rest

    def _method(self, func: ast.Attribute, rest: list[ast.expr]) -> list[ast.expr]:
        kind = self.type_of(func.value)
        name = "" if kind is None else dotted(kind)
        if name.startswith(CUSTOM) and name.removeprefix(CUSTOM) in CLASSES:
            return [func.value, *rest]
        held = self.known.classes.get(name)
        if held is not None and func.attr in held.methods:
            self.calls.append(held.methods[func.attr])
            if held.base in ("Interface", "ModuleInterface"):
                self.calls.extend(self._named(func.attr))
            return [func.value, *rest]
        operator = f"aten::{func.attr}"
        if held is None and admitted(operator):
            # Of either kind it is harmless.
            self.operators.append(operator)
            self.calls.extend(self._named(func.attr))
            return [func.value, *rest]
        raise ObjectionError(
            operator, effect(operator) or "a method of an object whose class is not told"
        )

    def _named(self, name: str) -> list[ast.FunctionDef]:
        """The methods of this name, of whatever class."""
        if self._is_enough(len(self.known.classes)):
            self.repeats = True
            return []
        every = self.known.classes.values()
        return [held.methods[name] for held in every if name in held.methods]

    def _is_enough(self, more: int) -> bool:
        """Whether so much was looked at that the rest counts as not told."""
        self.known.looked[0] += more
        return self.known.looked[0] > _MOST_LOOKED

    def type_of(self, node: ast.expr | None) -> ast.expr | None:
        """The declared type of an expression, None where nothing tells it."""
        if node is None:
            return None
        if id(node) not in self._types:
            self._types[id(node)] = self._type_of(node)
        return self._types[id(node)]

    def _type_of(self, node: ast.expr) -> ast.expr | None:
        match node:
            case ast.Name(id=name):
                return self._type_of_variable(name)
            case ast.Attribute(value=value, attr=name):
                return self._field(value, name)
            case ast.Call(func=ast.Name(id="getattr"), args=[value, name]):
                return self._field(value, _text(name) or "")
            case ast.Call(func=ast.Name(id="annotate" | "unchecked_cast"), args=[kind, _]):
                return kind
            case ast.Call(func=ast.Name(id="uninitialized"), args=[kind]):
                return kind
            case ast.Call(func=ast.Name(id=name)):
                called = self._alias(name)
                return called.returns if called is not None else None
            case ast.Call(func=ast.Attribute() as func, args=args):
                return self._result(func, args)
            case ast.Subscript(value=value, slice=index):
                return _item(self.type_of(value), index)
        return None

    def _type_of_variable(self, name: str) -> ast.expr | None:
        """What all that the variable is given has in common; what is being asked is left out."""
        if name in self._open:
            return None
        self._open.add(name)
        try:
            found: dict[str, ast.expr] = {}
            for value, typed in self.bound.get(name, ()):
                if self._is_enough(1):
                    return None
                if isinstance(value, ast.Name) and value.id in self._open and not typed:
                    continue
                kind = value if typed else self.type_of(value)
                if kind is None:
                    return None
                found[ast.dump(kind)] = kind
            return found.popitem()[1] if len(found) == 1 else None
        finally:
            self._open.discard(name)

    def _field(self, value: ast.expr, name: str) -> ast.expr | None:
        kind = self.type_of(value)
        held = self.known.classes.get(dotted(kind)) if kind is not None else None
        return held.fields.get(name) if held is not None else None

    def _result(self, func: ast.Attribute, args: list[ast.expr]) -> ast.expr | None:
        name = dotted(func)
        if name in self.known.functions:
            return self.known.functions[name].returns
        if name in self.known.classes:
            return func
        if name.endswith(".__new__") and name.removesuffix(".__new__") in self.known.classes:
            return func.value
        if name == "torch.__getitem__" and len(args) == 2:
            return _item(self.type_of(args[0]), args[1])
        kind = self.type_of(func.value)
        held = self.known.classes.get(dotted(kind)) if kind is not None else None
        if held is not None and func.attr in held.methods:
            return held.methods[func.attr].returns
        return None


def _operator(name: str) -> str | None:
    """The operator that `torch.NAME` or `ops.NAMESPACE.NAME` stands for."""
    match name.split("."):
        case ["torch", last]:
            return f"aten::{last}"
        case ["ops", space, last]:
            return f"{space}::{last}"
    return None


def _item(kind: ast.expr | None, index: ast.expr) -> ast.expr | None:
    """The type of one item of a list, a dictionary or a tuple."""
    if not isinstance(kind, ast.Subscript) or not isinstance(kind.value, ast.Name):
        return None
    parts = kind.slice.elts if isinstance(kind.slice, ast.Tuple) else [kind.slice]
    if kind.value.id == "Tuple" and isinstance(index, ast.Constant):
        at = index.value
        return parts[at] if type(at) is int and at < len(parts) else None
    place = _ELEMENT.get(kind.value.id, 9)
    return parts[place] if place < len(parts) else None


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _statements(node: ast.FunctionDef) -> Iterator[ast.stmt]:
    """Every statement of a function, those of its blocks and closures too."""
    pending: list[ast.stmt] = list(node.body)
    while pending:
        one = pending.pop()
        yield one
        for part in ("body", "orelse"):
            pending.extend(getattr(one, part, ()))
