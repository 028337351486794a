"""Run a hook right after a module was executed, be it the first time or a reload.

Libraries bind one another's functions when they are imported, so a hook has to come before
the next import and after its own module: a finder in front of all others wraps the loader.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

Hook = Callable[[ModuleType], None]


class _Loader(importlib.abc.Loader):
    """A loader that runs the hooks of its module once the module has been executed."""

    def __init__(self, inner: Any, hooks: Sequence[Hook]) -> None:
        self._inner = inner
        self._hooks = hooks

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._inner.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        self._restore(module)
        self._inner.exec_module(module)
        for hook in self._hooks:
            hook(module)

    def _restore(self, module: ModuleType) -> None:
        """Whoever asks the module for its loader sees the one it has without us."""
        if module.__spec__ is not None:
            module.__spec__.loader = self._inner
        module.__loader__ = self._inner


class Finder(importlib.abc.MetaPathFinder):
    """Finds what the finders behind it find, and has hooks run on it."""

    def __init__(self) -> None:
        self.hooks: dict[str, list[Hook]] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find a module that has hooks; leave every other to the finders behind."""
        hooks = self.hooks.get(fullname)
        if not hooks:
            return None
        for finder in tuple(sys.meta_path):
            if isinstance(finder, Finder) or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader, hooks)
                return spec
        return None

    def add(self, name: str, hook: Hook) -> None:
        """Run `hook` on the module of this name, at once if it is loaded."""
        self.hooks.setdefault(name, []).append(hook)
        module = sys.modules.get(name)
        if module is not None:
            hook(module)

    def stay(self) -> None:
        """Be in front of the finders that load files, whoever took this one away."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)


FINDER = Finder()
