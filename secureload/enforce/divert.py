"""Replace what a function does in place, so that every alias of it is replaced as well.

Assigning `module.load = other` misses whoever said `from module import load` before. Here the
function object stays and gets other code, which looks up its replacement by a name of its
own; the old behaviour lives on in a copy that only the replacement holds.
"""

from __future__ import annotations

import inspect
import itertools
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

Function = Callable[..., Any]
Maker = Callable[[Function], Function]
"""Takes the original and returns what is called in its stead."""

_PREFIX = "__secureload_"
_numbers = itertools.count()


def _trampoline(*args: Any, **kwargs: Any) -> Any:
    return __secureload_target__(*args, **kwargs)  # type: ignore[name-defined]  # noqa: F821


def diverted(function: Any) -> bool:
    """Whether a function has been replaced already."""
    names = getattr(getattr(function, "__code__", None), "co_names", ())
    return any(name.startswith(_PREFIX) for name in names[:1])


def divert(function: Any, make: Maker) -> bool:
    """Replace a Python function for all its aliases; False where that cannot be done.

    It cannot be done for functions written in C and for those that close over variables.
    Decorators that keep `__wrapped__` are looked through.
    """
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    if not isinstance(function, FunctionType) or function.__code__.co_freevars:
        return False
    if diverted(function):
        return True
    original = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
    )
    original.__kwdefaults__ = dict(function.__kwdefaults__ or {}) or None
    original.__qualname__, original.__doc__ = function.__qualname__, function.__doc__
    original.__module__, original.__dict__ = function.__module__, dict(function.__dict__)
    signature = inspect.signature(function)
    name = f"{_PREFIX}{function.__name__}_{next(_numbers)}"
    function.__globals__[name] = make(original)
    function.__signature__ = signature  # type: ignore[attr-defined]
    function.__code__ = _trampoline.__code__.replace(
        co_names=(name,), co_name=function.__name__, co_qualname=function.__qualname__
    )
    return True


def divert_in(owner: Any, name: str, make: Maker) -> None:
    """Replace `owner.name`, a function or a class method, in place where that can be done.

    Raises:
        AttributeError: there is no such name; the library is not one this was written for.
    """
    found = inspect.getattr_static(owner, name)
    if isinstance(found, (classmethod, staticmethod)):
        if not divert(found.__func__, make):
            setattr(owner, name, type(found)(make(found.__func__)))
    elif not divert(found, make):
        replaced = make(found)
        setattr(owner, name, replaced)
        rebind(found, replaced)


def rebind(old: Any, new: Any) -> None:
    """Put `new` wherever a loaded module holds `old` under a global name."""
    for module in tuple(sys.modules.values()):
        names = getattr(module, "__dict__", None)
        # Our own modules hold originals on purpose.
        if not isinstance(names, dict) or names.get("__name__", "").startswith("secureload."):
            continue
        for name, value in tuple(names.items()):
            if value is old:
                names[name] = new
