"""Where a path in a TensorFlow graph comes from: from whoever saves, or from the graph itself.

A saver joins the name it is given with suffixes of its own. The name is a placeholder of the
graph, or an argument of the saver's function; suffixes are constants of a few known forms.

Source: `tensorflow/python/training/saver.py`, `tensorflow/python/checkpoint/functional_saver.py`.
"""

from __future__ import annotations

from typing import TypeAlias

from scanner.formats._protobuf import BYTES, fields
from scanner.patterns import pattern

Node: TypeAlias = "tuple[str, list[str], memoryview | None]"
Scope: TypeAlias = "dict[str, list[Node]]"
"""The nodes of graphs or a function by name: operation, inputs, and the value of a constant.

Several meta graphs of one model have nodes of the same names; each of them has to do.
"""

_FIRST, _REST, _DEFAULT = "first", "rest", "default"
"""Where in a path a part stands; a default is what a placeholder is when nothing is given."""
_JOINING = {
    "StringJoin": None, "Pack": None, "Identity": 1, "ShardedFilename": 1, "Reshape": 1,
    "ExpandDims": 1,
}  # fmt: skip
"""What makes a path of others, and how many of its inputs are paths; None means all."""
_GIVEN = frozenset({"Placeholder", "PlaceholderWithDefault"})
_CHOOSING = frozenset({"Select", "SelectV2"})
_SUFFIX = pattern(r"|model|\.?part|_temp(?:_[0-9a-f]{1,40})?/part")
_MOST = 100_000


def is_given(path: str, scope: Scope, function: str) -> bool:
    """Whether a path begins with what whoever saves has given, and adds known suffixes alone.

    What is no node of a function is its argument.
    """
    pending, seen = [(path, _FIRST)], set[tuple[str, str]]()
    given = False
    while pending:
        item = pending.pop()
        if item in seen:
            continue
        seen.add(item)
        name, place = item
        nodes = scope.get(name.partition(":")[0], ())
        if not nodes and (not function or name.startswith("^") or place != _FIRST):
            return False
        given = given or not nodes
        for node in nodes:
            given = given or (place == _FIRST and node[0] in _GIVEN)
            further = _from(node, place)
            if further is None or len(seen) > _MOST:
                return False
            pending.extend(further)
    return given


def _from(node: Node, place: str) -> list[tuple[str, str]] | None:
    """What a node's path is made of, each with its place; None where it may not stand here."""
    operation, inputs, value = node
    if operation in _GIVEN:
        default = inputs[:1] if operation != "Placeholder" else []
        return None if place == _REST else [(one, _DEFAULT) for one in default]
    if operation == "Const":
        return None if place == _FIRST or value is None or not _is_suffix(value) else []
    if place == _DEFAULT:
        return None
    if operation in _CHOOSING:
        return [(one, place) for one in inputs[1:3]] if len(inputs) > 2 else None
    taken = [one for one in inputs[: _JOINING.get(operation, 0)] if not one.startswith("^")]
    if operation == "StringJoin":
        return [(one, place if at == 0 else _REST) for at, one in enumerate(taken)] or None
    return [(one, place) for one in taken] or None


def _is_suffix(value: memoryview) -> bool:
    """Whether a constant is one string, or several, of the forms that savers write."""
    tensors = [said for key, wire, said in fields(value) if (key, wire) == (8, BYTES)]
    strings = [
        bytes(said)
        for tensor in tensors
        if isinstance(tensor, memoryview)
        for key, _, said in fields(tensor)
        if key == 8 and isinstance(said, memoryview)
    ]
    return bool(strings) and all(_SUFFIX.fullmatch(one.decode("latin-1")) for one in strings)
