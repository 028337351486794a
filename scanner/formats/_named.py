"""Values of a configuration that name code or hold a template, under whatever key.

Loaders of all kinds import what some key of theirs names: `target`, `class_path`, `func`,
a module and a function side by side. Which names are dangerous is a rule's affair.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scanner.facts import ConfigFact, Fact, TemplateFact
from scanner.patterns import pattern
from scanner.reader import Blob

_DOTTED = pattern(r"[A-Za-z_]\w{0,60}(?:[.:][A-Za-z_]\w{0,60}){1,8}")
_MODULES = (
    "module", "__module__", "module_path", "module_name", "parent_library", "library", "package",
    "loader_module",
)  # fmt: skip
_NAMES = (
    "class", "__class__", "class_name", "function", "function_name", "func", "name", "method",
    "attr", "base_model_class", "callable", "object",
)  # fmt: skip
OPERATOR = pattern(
    r"torch\.ops\.(?:aten|prims|prim|higher_order|quantized|quantized_decomposed|inductor|profiler"
    r"|_c10d_functional|c10d_functional|mkldnn|mkl|onednn|sparse|_quantized|torchvision|torchaudio"
    r"|symm_mem|export|rngprims|debugprims)\.\w+(?:\.\w+)?"
    r"|_operator\.(?:abs|add|and_|eq|floordiv|ge|getitem|gt|inv|invert|le|lshift|lt|mod|mul|ne|neg"
    r"|not_|or_|pos|pow|rshift|sub|truediv|xor)"
    r"|math\.[a-z0-9]{2,12}"
    r"|torch\.sym_\w{2,20}|torch\._sym_\w{2,20}|torch\.fx\.experimental\.sym_\w{2,20}"
    r"|torch\._higher_order_ops\.\w+\.\w+|torch\._C\._(?:set_grad_enabled|functorch\.\w+)"
    r"|torch\.(?:autograd\.)?grad_mode\.set_grad_enabled"
    r"|torch\.amp\.autocast_mode\._(?:enter|exit)_autocast"
)
"""Operators and functions of torch's own that an exported graph calls."""
_LONGEST = 200
_CLIMBS = pattern(r"(?:\S*[/\\])?\.\.[/\\]\S*|file:\S+")
_NATIVE = pattern(r"[\w./\\:~@+-]{0,180}\.(?:so(?:\.\d+){0,3}|dll|dylib|pyd)")
_ACTS = pattern(
    r"__import__\s*\(|\b(?:os\.(?:system|popen|exec\w*|spawn\w*)|subprocess\.\w+"
    r"|importlib\.import_module|builtins\.\w+)\s*\(|(?:^|[\s=(:,\[])(?:exec|eval)\s*\("
)
"""Expressions of Python that act when something evaluates them."""


def _fetches(value: str) -> bool:
    if "://" not in value and "curl" not in value and "wget" not in value:
        return False
    from scanner.formats._installs import command

    return command(value) is not None


def acting(blob: Blob, path: str, value: str) -> Iterator[Fact]:
    """Yield what one short string leads out to, loads or evaluates, if it does."""
    if len(value) > _LONGEST or "\n" in value:
        return
    if _CLIMBS.fullmatch(value):
        yield _fact(blob, path, value, key="climbing-path")
    elif _NATIVE.fullmatch(value):
        yield _fact(blob, path, value, key="native-library")
    elif ("(" in value and _ACTS.search(value)) or _fetches(value):
        yield _fact(blob, path, value, key="expression")


def named(blob: Blob, path: str, value: str) -> Iterator[Fact]:
    """Yield what one string names or holds; operators of exported graphs are no such names."""
    if "{%" in value or ("{{" in value and len(value) > 8):
        yield TemplateFact(where=blob.where(), source=value)
    elif len(value) <= _LONGEST and _DOTTED.fullmatch(value) and not OPERATOR.fullmatch(value):
        yield _fact(blob, path, value.replace(":", "."), key="dotted-name")


def paired(blob: Blob, path: str, item: dict[str, Any]) -> Iterator[Fact]:
    """Yield the names that a module and something in it, side by side, amount to."""
    modules = [item[key] for key in _MODULES if isinstance(item.get(key), str)]
    for module in modules:
        for key in _NAMES:
            name = item.get(key)
            if isinstance(name, str) and len(module) + len(name) < _LONGEST:
                yield _fact(blob, path, f"{module}.{name}", key="module-and-name")


def _fact(blob: Blob, path: str, value: str, *, key: str) -> ConfigFact:
    return ConfigFact(where=blob.where(), document=blob.name, path=path, key=key, value=value)
