"""What a loader does with a persistent id: the three ways there are.

A policy takes the id and its offset, and gives (objection, value): why the id is not one
that this loader makes, or None, and what stands for the object on the abstract stack.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from scanner.pickles.values import Global, Persistent, Value

PersistentPolicy: TypeAlias = Callable[[Value, int], tuple[str | None, Value]]


def refuse(pid: Value, offset: int) -> tuple[str | None, Value]:
    """Plain `pickle.load`: it raises at the first persistent id; other loaders may not."""
    return "only a special loader can tell what this persistent id means", Persistent(pid, offset)


def torch(pid: Value, offset: int) -> tuple[str | None, Value]:
    """`torch.load`: ("storage", type, key, location, elements), with a view in old files.

    ("module", class, source file, source) is what old files say of a module's class: its
    value is the class itself.
    """
    stands = Persistent(pid, offset)
    if not isinstance(pid, tuple) or not pid:
        return "torch.load knows no persistent id that is not a tuple", stands
    kind = pid[0].decode("ascii", "replace") if isinstance(pid[0], bytes) else pid[0]
    if kind == "module" and len(pid) == 4 and isinstance(pid[1], Global):
        return None, pid[1]
    if kind != "storage" or len(pid) not in (5, 6):
        return "torch.load knows no persistent id of this form", stands
    _, storage_type, key, location, elements = pid[:5]
    if not isinstance(storage_type, Global):
        return "a storage's type is not a global", stands
    if not isinstance(key, (str, bytes, int)) or isinstance(key, bool):
        return "a storage's key is not a name", stands
    if not isinstance(location, (str, bytes)):
        return "a storage's location is not a name", stands
    if type(elements) is not int or elements < 0:
        return "a storage's length is not a count", stands
    if len(pid) == 6 and not _is_view(pid[5]):
        return "a storage's view is not (key, offset, length)", stands
    return None, stands


def _is_view(view: Value) -> bool:
    if view is None:
        return True
    return (
        isinstance(view, tuple)
        and len(view) == 3
        and isinstance(view[0], (str, bytes, int))
        and all(type(part) is int and part >= 0 for part in view[1:])
    )


def torch_tar(pid: Value, offset: int) -> tuple[str | None, Value]:
    """The tar files of torch before 0.1.10: a number, or (class, source file, source)."""
    if isinstance(pid, tuple) and pid and isinstance(pid[0], Global):
        return None, pid[0]
    if type(pid) is int or (isinstance(pid, str) and pid.isascii() and pid.isdigit()):
        return None, Persistent(pid, offset)
    return "old torch files have numbers as persistent ids", Persistent(pid, offset)


def anything(pid: Value, offset: int) -> tuple[str | None, Value]:
    """A loader that looks ids up in a table of data of its own."""
    return None, Persistent(pid, offset)


POLICIES: Mapping[str, PersistentPolicy] = {
    "none": refuse,
    "torch": torch,
    "torch-tar": torch_tar,
    "any": anything,
}
"""Persistent-id policies by name."""
