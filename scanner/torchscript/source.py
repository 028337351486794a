"""The statements of one TorchScript source, and what they declare.

`ast` parses, after `tokens` has told that both readers see the same letters. Every node
that torch's printer never writes is an objection; what remains is handed to `calls`.

Source: `torch/csrc/jit/serialization/python_print.cpp` and `import_source.cpp`.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator

from scanner.frozen import dataclass, field
from scanner.torchscript.operators import CLASSES, CUSTOM
from scanner.torchscript.tokens import stray

ROOT = "__torch__"
_BASES = frozenset({"Module", "NamedTuple", "Enum", "Interface", "ModuleInterface"})
_SCALARS = frozenset(
    """Tensor int float bool str complex number Device Generator Any NoneType Layout
    QScheme""".split()  # noqa: SIM905
)
_GENERIC = frozenset("List Dict Optional Tuple Union Final Future Await".split())  # noqa: SIM905
_NAMES_OF_FIELDS = frozenset(
    "__parameters__ __buffers__ __forward_hooks__ __forward_pre_hooks__".split()  # noqa: SIM905
)
_NUMBERS = frozenset({"inf", "nan", "infj", "nanj"})
TAKEN = _NUMBERS | frozenset(
    """torch ops CONSTANTS __torch__ annotate unchecked_cast uninitialized isinstance getattr
    print int float bool fork awaitable""".split()  # noqa: SIM905
)
"""What the language gives a meaning of its own: the printer calls no variable so."""


class ObjectionError(Exception):
    """Something that torch's printer never writes, or that no list admits.

    `what` names it in a few letters, `why` says what is wrong.
    """

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why}")
        self.what = what
        self.why = why


@dataclass(frozen=True, kw_only=True, slots=True)
class Class:
    """A class that a source declares, by what it inherits from."""

    base: str
    fields: dict[str, ast.expr] = field(default_factory=dict)
    """The declared type of each attribute."""
    methods: dict[str, ast.FunctionDef] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Declared:
    """What all sources of an archive declare, by qualified name."""

    classes: dict[str, Class] = field(default_factory=dict)
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    computed: list[ast.expr] = field(default_factory=list)
    """Values of attributes that are not written out: torch evaluates them while loading."""

    looked: list[int] = field(default_factory=lambda: [0])
    """How much was looked at to tell the types of objects, in all functions together."""

    def knows(self, name: str) -> bool:
        """Whether a dotted name is declared, or a member of a declared enumeration."""
        if name in self.classes or name in self.functions:
            return True
        owner, _, last = name.rpartition(".")
        held = self.classes.get(owner)
        return held is not None and held.base == "Enum" and last in held.fields


def check_letters(text: str) -> None:
    """Check the letters of a source, on which the readers must agree.

    Raises:
        ObjectionError: Some are none that torch's printer writes.
    """
    at = stray(text)
    if at is not None:
        raise ObjectionError(repr(text[at : at + 1]), "torch's printer does not write this")


def parse(text: str) -> ast.Module:
    """Parse one source as Python does.

    Raises:
        ObjectionError: It does not parse.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ObjectionError("source", "it does not parse") from None


def dotted(node: ast.expr) -> str:
    """The name of a chain of attributes that begins at a name, or an empty string."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    parts.append(node.id)
    return ".".join(reversed(parts))


def declare(module: str, tree: ast.Module, into: Declared) -> Iterator[ObjectionError]:
    """Note what a source declares; yield what stands at its top and is no declaration."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            name = f"{module}.{node.name}"
            base = _base(node)
            if base is None:
                yield ObjectionError(f"class {node.name}", "no class that torch writes")
            elif into.knows(name):
                yield ObjectionError(name, "it is declared twice")
            else:
                into.classes[name] = held = Class(base=base)
                yield from _fields(node, held, into.computed)
        elif isinstance(node, ast.FunctionDef):
            name = f"{module}.{node.name}"
            if into.knows(name):
                yield ObjectionError(name, "it is declared twice")
            into.functions[name] = node
        elif not _is_header(node):
            yield ObjectionError(type(node).__name__, "torch writes no such statement here")


def _base(node: ast.ClassDef) -> str | None:
    if node.keywords or node.decorator_list or len(node.bases) > 1:
        return None
    if not node.bases:
        return ""
    base = node.bases[0]
    return base.id if isinstance(base, ast.Name) and base.id in _BASES else None


def _is_header(node: ast.stmt) -> bool:
    """Whether it is what early versions wrote at the top, and no version follows."""
    match node:
        case ast.Assign(targets=[ast.Name(id="op_version_set")], value=ast.Constant(value=int())):
            return True
        case ast.Import(names=[ast.alias(name=name, asname=None)]):
            return name == ROOT or name.startswith(f"{ROOT}.")
    return False


def _fields(node: ast.ClassDef, held: Class, computed: list[ast.expr]) -> Iterator[ObjectionError]:
    """Note the attributes and methods of a class; yield what is neither."""
    for part in node.body:
        match part:
            case ast.FunctionDef():
                if part.name in held.methods:
                    yield ObjectionError(f"{node.name}.{part.name}", "it is declared twice")
                held.methods[part.name] = part
            case ast.AnnAssign(target=ast.Name(id=name), annotation=kind, value=value):
                if name in held.fields:
                    yield ObjectionError(f"{node.name}.{name}", "it is declared twice")
                held.fields[name] = kind
                if value is not None and not literal(value):
                    computed.append(value)
                    yield ObjectionError(f"{node.name}.{name}", "its value is not a literal")
            case ast.Assign(targets=[ast.Name(id="__annotations__")], value=ast.List(elts=[])):
                pass
            case ast.Assign(
                targets=[
                    ast.Subscript(
                        value=ast.Name(id="__annotations__"),
                        slice=ast.Constant(value=str() as name),
                    )
                ],
                value=kind,
            ):
                if name in held.fields:
                    yield ObjectionError(f"{node.name}.{name}", "it is declared twice")
                held.fields[name] = kind
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if (
                name in _NAMES_OF_FIELDS or held.base == "Enum"
            ):
                if held.base == "Enum":
                    held.fields[name] = ast.Name(id="Any", ctx=ast.Load())
                if not literal(value):
                    yield ObjectionError(f"{node.name}.{name}", "its value is not a literal")
            case ast.Pass():
                pass
            case _:
                yield ObjectionError(
                    f"{type(part).__name__} in {node.name}", "torch writes no such statement here"
                )


def literal(node: ast.expr) -> bool:
    """Whether it is a value written out, or one of `constants.pkl`: nothing is called."""
    match node:
        case ast.Constant(value=value):
            return value is None or isinstance(value, (bool, int, float, complex, str))
        case ast.Name(id=name):
            return name in _NUMBERS
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _number(operand)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
            # How complex numbers are written.
            return literal(left) and _number(right) and not isinstance(left, ast.BinOp)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return all(map(literal, items))
        case ast.Dict(keys=keys, values=values):
            return all(key is not None and literal(key) for key in keys) and all(
                map(literal, values)
            )
        case ast.Attribute():
            return is_constant(node)
        case ast.Call(func=ast.Name(id="annotate"), args=[_, value], keywords=[]):
            return literal(value)
    return False


def _number(node: ast.expr) -> bool:
    return (isinstance(node, ast.Constant) and type(node.value) in (int, float, complex)) or (
        isinstance(node, ast.Name) and node.id in _NUMBERS
    )


def is_constant(node: ast.expr) -> bool:
    """Whether it names a value of `constants.pkl`: `CONSTANTS.c0`."""
    name = dotted(node)
    return name.startswith("CONSTANTS.c") and name[11:].isdecimal()


def check_type(node: ast.expr, known: Declared) -> None:
    """Check a type.

    Raises:
        ObjectionError: It is none that torch knows, the archive declares, or a list admits.
    """
    match node:
        case ast.Constant(value=None):
            return
        case ast.Name(id=name) if name in _SCALARS:
            return
        case ast.Subscript(value=ast.Name(id=name), slice=inner) if name in _GENERIC:
            for item in inner.elts if isinstance(inner, ast.Tuple) else [inner]:
                check_type(item, known)
            return
        case ast.Attribute():
            name = dotted(node)
            if name in known.classes:
                return
            if name.startswith(CUSTOM):
                if name.removeprefix(CUSTOM) in CLASSES:
                    return
                raise ObjectionError(name, "a class of a library that no list admits")
            raise ObjectionError(name or "attribute", "a type that the archive does not declare")
    raise ObjectionError(type(node).__name__, "it is no type")
