"""Argument shapes of torch's own calls: storages, tensors, parameters and what they nest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scanner.pickles.predicates import is_int, is_ints, is_made_by, is_plain, is_scalar
from scanner.pickles.shapes import Args, attributes
from scanner.pickles.values import Call, DictValue, Global, ListValue, Persistent, Span, Value

if TYPE_CHECKING:
    from scanner.pickles.allowlist import Allowlist


def is_storage(value: Value) -> bool:
    """What a persistent id of torch's stands for, a view of one, or one that came as bytes."""
    if is_made_by(value, "torch.storage._load_from_bytes"):
        assert isinstance(value, Call)
        return value.objection is None
    return isinstance(value, Persistent)


def carried(args: Args, allow: Allowlist) -> str | None:
    """Bytes that the stream holds as they are: the machine judges what they say."""
    match args:
        case (bytes(),):
            return None
        case (Span(kind="bytes"),):
            return None
    return "it is harmless with the bytes of one storage only"


def is_hooks(value: Value) -> bool:
    """The empty OrderedDict that torch writes for backward hooks, or nothing."""
    if is_made_by(value, "collections.OrderedDict"):
        assert isinstance(value, Call)
        return value.args == () and not value.flat
    return value is None or (isinstance(value, (DictValue, ListValue)) and not value)


def is_tensor(value: Value) -> bool:
    """The result of a rebuild call."""
    return (
        isinstance(value, Call)
        and isinstance(value.function, Global)
        and value.function.module in ("torch._utils", "torch._tensor")
        and value.function.name.startswith("_rebuild_")
    )


def sizes(value: Value) -> list[int]:
    """The integers of what `is_ints` accepts."""
    if isinstance(value, Call) and isinstance(value.args, tuple):
        value = value.args[0]
    return list(value) if isinstance(value, (tuple, ListValue)) else []  # type: ignore[arg-type]


def _fits(storage: Value, offset: Value, size: list[int], stride: list[int]) -> bool:
    """Whether every element lies within the storage, as far as its length is known."""
    if len(size) != len(stride) or min([0, *size, *stride]) < 0:
        return False
    pid = storage.pid if isinstance(storage, Persistent) else None
    if not isinstance(pid, tuple) or len(pid) < 5 or not isinstance(offset, int):
        return True
    view = pid[5] if len(pid) == 6 else None
    elements = view[2] if isinstance(view, tuple) and len(view) == 3 else pid[4]
    if type(elements) is not int or 0 in size:
        return offset >= 0
    reach = sum((count - 1) * step for count, step in zip(size, stride, strict=True))
    return offset >= 0 and offset + reach < elements


def tensor_v2(args: Args, allow: Allowlist) -> str | None:
    """(storage, offset, size, stride[, requires_grad, hooks[, metadata]])."""
    match args:
        case (storage, offset, size, stride, *rest) if len(rest) <= 3:
            if not is_storage(storage):
                return "its storage is not one of the file's"
            if not (is_int(offset) and is_ints(size) and is_ints(stride)):
                return "its offset, size and stride are not integers"
            if not _fits(storage, offset, sizes(size), sizes(stride)):
                return "it reaches beyond its storage"
            if rest and type(rest[0]) not in (bool, int):
                return "requires_grad is not a bool"
            if len(rest) > 1 and not is_hooks(rest[1]):
                return "it brings backward hooks"
            if len(rest) > 2 and not is_plain(rest[2]):
                return "its metadata is not plain"
            return None
    return "its arguments are not those of a tensor"


def tensor_v3(args: Args, allow: Allowlist) -> str | None:
    """The same with a dtype after the hooks."""
    match args:
        case (*head, Global() as dtype) if len(head) == 6 and allow.kind(dtype) == "dtype":
            return tensor_v2(tuple(head), allow)
        case (*head, Global() as dtype, metadata) if len(head) == 6:
            if allow.kind(dtype) == "dtype" and is_plain(metadata):
                return tensor_v2(tuple(head), allow)
    return "its arguments are not those of a tensor"


def parameter(args: Args, allow: Allowlist) -> str | None:
    """(tensor, requires_grad, hooks[, state])."""
    match args:
        case (data, requires_grad, hooks, *state) if len(state) <= 1:
            if not is_tensor(data):
                return "its data is not a tensor"
            if type(requires_grad) not in (bool, int):
                return "requires_grad is not a bool"
            if not is_hooks(hooks):
                return "it brings backward hooks"
            return attributes(state[0], allow) if state else None
    return "its arguments are not those of a parameter"


def from_type(args: Args, allow: Allowlist) -> str | None:
    """(rebuild function, tensor class, its arguments, state): a call inside the call."""
    match args:
        case (Global() as function, Global() as cls, tuple() as inner, state):
            if allow.kind(function) != "rebuild":
                return "the function it calls is no rebuild function"
            if allow.kind(cls) != "tensor":
                return "its class is not a tensor class"
            return allow.judge_call(function, inner, None, "REDUCE") or attributes(state, allow)
    return "its arguments are not those of a tensor subclass"


def pieces(args: Args, allow: Allowlist) -> str | None:
    """Tensors, storages, dtypes and plain data, nested as the other rebuild calls nest them."""
    pending: list[Value] = list(args)
    seen: set[int] = set()
    while pending:
        item = pending.pop()
        if is_scalar(item) or is_storage(item) or is_tensor(item) or is_hooks(item):
            continue
        if isinstance(item, Global):
            if allow.kind(item) in ("dtype", "constant", "tensor"):
                continue
            return f"{item.dotted} has no place in a tensor"
        if is_made_by(item, "torch.Size", "torch.device", "torch.serialization._get_layout"):
            continue
        if not isinstance(item, (tuple, ListValue, DictValue)):
            return "its arguments are not those of a tensor"
        if id(item) not in seen:
            seen.add(id(item))
            pending.extend(item)
    return None


def size(args: Args, allow: Allowlist) -> str | None:
    """One tuple of integers."""
    return None if len(args) == 1 and is_ints(args[0]) else "it is harmless with integers only"
