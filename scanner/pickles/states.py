"""States that their class uses while it takes them: shapes for BUILD that look further in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scanner.pickles.predicates import is_made_by, is_plain, is_scalar
from scanner.pickles.torch_shapes import is_tensor
from scanner.pickles.values import Call, DictValue, ListValue, Value

if TYPE_CHECKING:
    from scanner.pickles.allowlist import Allowlist

_PARTS = frozenset({"defaults", "state", "param_groups"})


def optimizer(state: Value, allow: Allowlist) -> str | None:
    """The state of a torch optimizer: real dicts and lists, as it looks things up in them.

    `Optimizer.__setstate__` and its kin call `setdefault` on the defaults and on each group,
    walk a group's parameters, take what the state has for each, and make its numbers tensors.
    """
    if not isinstance(state, DictValue) or not _PARTS.issuperset(_keys(state)):
        return "its state is not that of an optimizer"
    if not isinstance(state.get("defaults"), DictValue):
        return "its defaults are not a plain dict"
    groups = state.get("param_groups")
    if not isinstance(groups, ListValue) or not all(map(_is_group, groups)):
        return "its groups are not plain dicts with lists of tensors"
    held = state.get("state")
    if isinstance(held, DictValue):
        flat: list[Value] = held
    elif isinstance(held, Call) and is_made_by(held, "collections.defaultdict"):
        flat = held.flat
    else:
        return "its state is not kept in a dict"
    if all(map(_is_tensor, flat[::2])) and all(map(_is_numbers, flat[1::2])):
        return None
    return "its state is not numbers and tensors by parameter"


def _keys(state: DictValue) -> set[str]:
    return {key if isinstance(key, str) else "" for key in state[::2]}


def _is_group(group: Value) -> bool:
    if not isinstance(group, DictValue):
        return False
    parameters = group.get("params")
    return (
        isinstance(parameters, ListValue)
        and all(map(_is_tensor, parameters))
        and all(key == "params" or _is_number(value) for key, value in group.pairs())
    )


def _is_numbers(state: Value) -> bool:
    return isinstance(state, DictValue) and all(map(_is_number, state[1::2]))


def _is_number(value: Value) -> bool:
    return is_scalar(value) or _is_tensor(value) or is_plain(value) or _are_tensors(value)


def _are_tensors(value: Value) -> bool:
    return isinstance(value, (tuple, ListValue)) and all(
        is_scalar(item) or _is_tensor(item) for item in value
    )


def _is_tensor(value: Value) -> bool:
    """A tensor that the file rebuilds, of torch's own classes."""
    return is_tensor(value) and isinstance(value, Call) and value.objection is None
