"""What an abstract value provably is: a scalar, text, plain data, what a named call made."""

from __future__ import annotations

from typing import Final

from scanner.pickles.values import Call, DictValue, Global, ListValue, SetValue, Span, Value

_SCALARS: Final = (bool, int, float, str, bytes, Span)


def is_scalar(value: Value) -> bool:
    """None, a bool, a number, text or bytes."""
    return value is None or isinstance(value, _SCALARS)


def is_int(value: Value) -> bool:
    """An integer that is no bool."""
    return type(value) is int


def is_ints(value: Value) -> bool:
    """A tuple or list of integers, or a torch.Size made of one."""
    if isinstance(value, Call) and value.function == Global("torch", "Size"):
        return isinstance(value.args, tuple) and len(value.args) == 1 and is_ints(value.args[0])
    return isinstance(value, (tuple, ListValue)) and all(is_int(item) for item in value)


def is_text(value: Value) -> bool:
    """A str or bytes, of any length."""
    return isinstance(value, (str, bytes)) or (
        isinstance(value, Span) and value.kind in ("str", "bytes", "bytearray")
    )


def is_made_by(value: Value, *names: str) -> bool:
    """The result of calling one of these dotted names."""
    return (
        isinstance(value, Call)
        and isinstance(value.function, Global)
        and value.function.dotted in names
    )


def is_plain(value: Value, *, deepest: int = 40) -> bool:
    """Data alone: scalars, and tuples, lists, dicts and sets of them."""
    pending: list[tuple[Value, int]] = [(value, 0)]
    seen: set[int] = set()
    while pending:
        item, depth = pending.pop()
        if is_scalar(item):
            continue
        if depth > deepest:
            return False
        if isinstance(item, (ListValue, DictValue, tuple)):
            inner: list[Value] | tuple[Value, ...] = item
        elif isinstance(item, SetValue):
            inner = item.items
        else:
            return False
        if id(item) not in seen:
            seen.add(id(item))
            pending.extend((part, depth + 1) for part in inner)
    return True
