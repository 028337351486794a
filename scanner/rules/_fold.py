"""Strings that a template assembles from constants, found without rendering it.

Concatenation, repetition, slices, and the methods and filters of strings are worked out as
Jinja would, over constants and names that are set to constants; everything is bounded.
"""

from __future__ import annotations

from typing import Any

_LONGEST = 20_000
_DEEPEST = 40
_WRITTEN = ("Const", "TemplateData", "Name")
"""Nodes whose text stands in the template as it is."""
_METHODS = frozenset(
    """capitalize casefold format join lower lstrip removeprefix removesuffix replace rstrip
    strip swapcase title upper zfill""".split()  # noqa: SIM905
)
_FILTERS = frozenset(
    """capitalize first format join last list lower replace reverse string title trim
    upper""".split()  # noqa: SIM905
)


TOO_MUCH = object()
"""What stands for a constant that takes more to work out than any template needs."""


class _UnknownError(Exception):
    """This is no constant."""


class _TooMuchError(Exception):
    """This is a constant past the bounds."""


def constants(tree: Any) -> dict[str, object]:
    """The names that the template sets to constants."""
    import jinja2.nodes

    known: dict[str, object] = {}
    for node in tree.find_all(jinja2.nodes.Assign):
        if isinstance(node.target, jinja2.nodes.Name):
            value = fold(node.node, known)
            if value is not None:
                known[node.target.name] = value
    for scope in tree.find_all(jinja2.nodes.With):
        for target, given in zip(scope.targets, scope.values, strict=False):
            if isinstance(target, jinja2.nodes.Name):
                value = fold(given, known)
                if value is not None:
                    known[target.name] = value
    for block in tree.find_all(jinja2.nodes.AssignBlock):
        if isinstance(block.target, jinja2.nodes.Name):
            parts = [
                fold(part, known)
                for node in block.find_all(jinja2.nodes.Output)
                for part in node.nodes
            ]
            text = "".join(part for part in parts if isinstance(part, str))
            known[block.target.name] = TOO_MUCH if TOO_MUCH in parts else text
    return known


def fold(node: Any, known: dict[str, object]) -> object | None:
    """The constant that an expression amounts to, `TOO_MUCH`, or None when it is none."""
    try:
        value: object = _fold(node, known, 0)
    except _TooMuchError:
        return TOO_MUCH
    except (_UnknownError, ValueError, TypeError, IndexError, KeyError, OverflowError,
            AttributeError, MemoryError):  # fmt: skip
        return None
    return value


def _fold(node: Any, known: dict[str, object], depth: int) -> Any:
    if depth > _DEEPEST:
        raise _TooMuchError

    def sub(inner: Any) -> Any:
        return _fold(inner, known, depth + 1)

    kind = type(node).__name__
    if kind == "Const":
        value = node.value
    elif kind == "TemplateData":
        value = node.data
    elif kind == "Name" and node.name in known:
        value = known[node.name]
        if value is TOO_MUCH:
            raise _TooMuchError
    elif kind == "Neg":
        value = -sub(node.node)
    elif kind == "Concat":
        value = "".join(str(sub(part)) for part in node.nodes)
    elif kind == "Add":
        value = sub(node.left) + sub(node.right)
    elif kind == "Mul":
        value = _repeated(sub(node.left), sub(node.right))
    elif kind == "Mod" and isinstance(sub(node.left), str):
        value = _formatted(sub(node.left), sub(node.right))
    elif kind in ("List", "Tuple"):
        value = [sub(item) for item in node.items]
    elif kind == "Getitem":
        value = _item(node, sub)
    elif kind == "Filter":
        value = _filtered(node, sub)
    elif kind == "Call" and getattr(node.node, "name", "") == "dict":
        value = [keyword.key for keyword in node.kwargs]
    elif kind == "Call" and type(node.node).__name__ == "Getattr":
        value = _method(sub(node.node.node), node.node.attr, [sub(arg) for arg in node.args])
    else:
        raise _UnknownError
    if isinstance(value, str) and len(value) > _LONGEST and kind not in _WRITTEN:
        raise _TooMuchError
    return value


def _repeated(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, (str, list)):
        left, right = right, left
    if isinstance(right, int) and right * max(1, len(left)) > _LONGEST:
        raise _TooMuchError
    return left * right


def _formatted(text: str, values: Any) -> str:
    given = tuple(values) if isinstance(values, list) else values
    if any(char.isdigit() or char == "*" for char in text):
        # Widths could ask for any amount of memory.
        raise _UnknownError
    return text % given


def _item(node: Any, sub: Any) -> Any:
    whole = sub(node.node)
    if type(node.arg).__name__ == "Slice":
        bounds = (node.arg.start, node.arg.stop, node.arg.step)
        return whole[slice(*(None if bound is None else sub(bound) for bound in bounds))]
    return whole[sub(node.arg)]


def _filtered(node: Any, sub: Any) -> Any:
    if node.name not in _FILTERS or node.node is None:
        raise _UnknownError
    value, args = sub(node.node), [sub(arg) for arg in node.args or ()]
    if node.name == "join":
        return (str(args[0]) if args else "").join(map(str, value))
    if node.name in ("reverse", "list"):
        return list(value) if node.name == "list" else value[::-1]
    if node.name in ("first", "last"):
        return list(value)[0 if node.name == "first" else -1]
    if node.name == "string":
        return str(value)
    if node.name == "format":
        return _formatted(value, args)
    return _method(value, {"trim": "strip"}.get(node.name, node.name), args)


def _method(value: Any, name: str, args: list[Any]) -> Any:
    if not isinstance(value, str) or name not in _METHODS:
        raise _UnknownError
    if name == "format" and any(char in value for char in "!:[."):
        raise _UnknownError
    if name in ("replace", "zfill", "join") and sum(len(str(arg)) for arg in args) > _LONGEST:
        raise _TooMuchError
    if name == "zfill" or (name == "replace" and len(value) * (1 + len(args[1])) > 100_000):
        raise _TooMuchError
    return getattr(value, name)(*args)
