"""What the names of an archive's members say of a `torch.package`: its modules, what lies outside.

Source: `torch/package/package_importer.py` and `package_exporter.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from scanner.facts import Fact, ImportFact
from scanner.pickles import danger
from scanner.pickles.persistent import torch as torch_ids
from scanner.pickles.values import Persistent, Value

NAME = "torch-package"
HINT = "interned"
"""What the source of its modules is handed on as, with the names that its pickles mention."""
_EXTERN = ".data/extern_modules"


def extern(names: Iterable[str]) -> str | None:
    """The member that lists the modules from outside, which no package is read without."""
    return next((name for name in names if name.partition("/")[2] == _EXTERN), None)


def modules(names: Iterable[str]) -> Iterator[str]:
    """The modules whose source lies in the archive, which its loader imports from there."""
    for name in names:
        path = name.partition("/")[2]
        if path.endswith(".py") and not path.startswith(".data/"):
            yield path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def inside(own: Iterable[str], outside: Iterable[str]) -> frozenset[str]:
    """Those of its own modules that no module from outside stands for."""
    outer = tuple(outside)
    return frozenset(
        name for name in own if not any(f"{name}.".startswith(f"{one}.") for one in outer)
    )


def is_own(fact: Fact, own: frozenset[str]) -> bool:
    """Whether a pickle names what a module of the archive defines: its source is read itself."""
    if not isinstance(fact, ImportFact) or fact.module not in own or fact.name is None:
        return False
    known = danger.effect(fact.module, fact.name)
    return known is None and danger.canonical(fact.module, fact.name) == (fact.module, fact.name)


def persistent(pid: Value, offset: int) -> tuple[str | None, Value]:
    """The ids of a package: storages as torch names them, and functions that are called."""
    if isinstance(pid, tuple) and pid and pid[0] in ("reduce_package", b"reduce_package"):
        return "the loader of the package calls the function that it names", Persistent(pid, offset)
    return torch_ids(pid, offset)


def storage(key: str) -> str:
    """The name of the member that holds a storage."""
    return f"{key}.storage"
