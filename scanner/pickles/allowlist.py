"""Which globals a pickle may name, and with which arguments: reviewed names, default deny.

A profile is a table of entries, one module in `scanner.pickles.profiles` each; an allowlist
is what several profiles and a policy's own names amount to. Every entry carries why it is
harmless and the argument shapes with which it is. Nothing that is not here is allowed, and
there are no prefixes.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Final

from scanner.pickles import danger, shapes
from scanner.pickles.shapes import ChangeShape, Shape, StateShape
from scanner.pickles.values import (
    Call,
    DictValue,
    Global,
    ListValue,
    Persistent,
    SetValue,
    Value,
)

PROFILES: Final = (
    "torch", "numpy", "python_data", "sklearn", "sklearn_older", "sklearn_kin", "pandas",
    "boosting", "torch_training", "torch_modules", "gensim", "transformers_models",
    "vision_models", "statsmodels",
)  # fmt: skip
"""The profiles that are in force by default: all whose entries are harmless while loading."""


CALLED_ONLY: Final = "called-only"
"""The kind of a function that is harmless where it is called, and may not be handed on."""


class Entry:
    """One reviewed global, or a group of them that is harmless for one reason.

    `call` is the shape for calling it (REDUCE, INST, OBJ), `new` for `cls.__new__` (NEWOBJ),
    `state` for BUILD on what it makes; None forbids that use. `changed` looks at the object
    too that BUILD changes. `items` tells whether items
    may be set or appended on what it makes, `makes` whether its result is an instance of
    itself or of its first argument. `kind` is what shapes ask for.
    """

    __slots__ = ("call", "changed", "items", "kind", "makes", "new", "state", "why")

    def __init__(
        self,
        why: str,
        *,
        call: Shape | None = None,
        new: Shape | None = None,
        state: StateShape | None = None,
        changed: ChangeShape | None = None,
        items: bool = False,
        makes: str = "self",
        kind: str = "",
    ) -> None:
        self.why = why
        self.call = call
        self.new = new
        self.state = state
        self.changed = changed
        self.items = items
        self.makes = makes
        self.kind = kind


_ADMITTED: Final = Entry(
    "the policy admits it by name",
    call=shapes.anything,
    new=shapes.anything,
    state=shapes.any_state,
    items=True,
    kind="admitted",
)

_UNLISTED: Final = "no allowlist names it"


class Allowlist:
    """The globals that are admitted, by (module, qualified name)."""

    __slots__ = ("_entries", "_known", "prefixes")

    def __init__(
        self,
        entries: Mapping[tuple[str, str], Entry],
        prefixes: Mapping[str, Entry] | None = None,
    ) -> None:
        self._entries = entries
        self._known: dict[tuple[str, str], tuple[Entry | None, str | None]] = {}
        self.prefixes = dict(prefixes or {})

    def __iter__(self) -> Iterator[tuple[tuple[str, str], Entry]]:
        return iter(sorted(self._entries.items(), key=lambda item: item[0]))

    def __len__(self) -> int:
        return len(self._entries)

    def with_names(self, names: Iterable[str]) -> Allowlist:
        """Return this allowlist with `module.name` globals that a policy admits.

        Where the module ends and the name begins is not said, so every split is admitted:
        all of them mean the same object.
        """
        entries = dict(self._entries)
        for name in names:
            parts = name.split(".")
            for cut in range(1, len(parts)):
                entries[".".join(parts[:cut]), ".".join(parts[cut:])] = _ADMITTED
        return Allowlist(entries, self.prefixes)

    def entry(self, module: str, name: str) -> Entry | None:
        """Return the entry for a global under either spelling, or None.

        Python 2 names are mapped as `pickle` maps them. Both spellings are judged: the raw
        one must be listed too, unless it is a module that exists in Python 2 alone.
        """
        return self._lookup(module, name)[0]

    def kind(self, what: Global) -> str:
        """Return the kind of a listed global, or an empty string."""
        entry = self._lookup(what.module, what.name)[0]
        return "" if entry is None else entry.kind

    def _lookup(self, module: str, name: str) -> tuple[Entry | None, str | None]:
        key = (module, name)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._find(module, name)
        return known

    def _find(self, module: str, name: str) -> tuple[Entry | None, str | None]:
        entry = self._entries.get(danger.canonical(module, name))
        if entry is not None and not danger.only_python2(module):
            entry = self._entries.get((module, name))
        if entry is None:
            for prefix, shared in self.prefixes.items():
                if module == prefix or module.startswith(f"{prefix}."):
                    return shared, None
            return None, _UNLISTED
        return entry, None

    def judge_import(self, what: Global) -> str | None:
        """Return why this global may not be named, or None."""
        return self._lookup(what.module, what.name)[1]

    def judge_call(self, function: Value, args: Value, kwargs: Value, opcode: str) -> str | None:
        """Return why this call is not provably harmless, or None."""
        function = shapes.resolved(function)
        if not isinstance(function, Global):
            return "what it calls is not a global, but something computed"
        entry, objection = self._lookup(function.module, function.name)
        if entry is None:
            return objection
        if not isinstance(args, tuple):
            return "its arguments are computed"
        fresh = opcode in ("NEWOBJ", "NEWOBJ_EX")
        shape = entry.new if fresh else entry.call
        if opcode in ("OBJ", "INST") and not args and entry.new is not None:
            shape = entry.new if shape is None else shape
        if shape is None:
            return "it may be named, but not called"
        if kwargs is not None and not (isinstance(kwargs, DictValue) and not kwargs):
            if not isinstance(kwargs, DictValue) or not all(
                isinstance(key, str) for key in kwargs[::2]
            ):
                return "its keyword arguments are computed"
            args = (*args, *kwargs[1::2])
        return shape(args, self)

    def judge_new(self, cls: Global) -> str | None:
        """Return why an empty instance of this class may not be made, or None."""
        entry, objection = self._lookup(cls.module, cls.name)
        if entry is None:
            return objection
        return "the class may not be made empty" if entry.new is None else None

    def judge_state(self, target: Value, state: Value) -> str | None:
        """Return why BUILD on this target is not provably harmless, or None."""
        entry, objection = self._made(target)
        if entry is None:
            return objection
        if entry.state is None:
            return "setting state on it was not reviewed"
        said = entry.state(state, self)
        if said is None and entry.changed is not None and isinstance(target, Call):
            return entry.changed(target, state, self)
        return said

    def judge_items(self, target: Value, opcode: str) -> str | None:
        """Return why setting or adding items on this target is not harmless, or None."""
        entry, objection = self._made(target)
        if entry is None:
            return objection
        return None if entry.items else "adding items to it was not reviewed"

    def may_be_text(self, call: Call) -> bool:
        """Whether this call can give an exact str: all can, but reviewed other classes."""
        entry, _ = self._made(call)
        return call.objection is not None or entry is None or entry.kind in ("scalar", "admitted")

    def _made(self, target: Value) -> tuple[Entry | None, str | None]:
        """Return the entry of the class that `target` is an instance of."""
        if isinstance(target, Call):
            function = target.function
            for _ in range(4):
                function = shapes.resolved(function)
                if not isinstance(function, Global):
                    return None, "its class is computed"
                entry, objection = self._lookup(function.module, function.name)
                if entry is None or entry.makes == "self":
                    return entry, objection
                if not isinstance(target.args, tuple) or not target.args:
                    return None, "its class is computed"
                function = target.args[0]
            return None, "its class is computed"
        if isinstance(target, Global):
            return None, f"it changes {target.dotted} itself, for the whole process"
        if isinstance(target, Persistent):
            return None, "it changes an object that the loader keeps"
        if isinstance(target, (ListValue, DictValue, SetValue, tuple, str, int, bytes)):
            return None, "a plain value takes no such change"
        return None, "what it changes is computed"


class Profiles(Mapping[tuple[str, str], Entry]):
    """The entries of several profiles, each read once those before it do not know a name.

    Where several know one, the first of them has the say. Most pickles are understood by the
    first few profiles.

    Raises:
        KeyError: There is no profile of some name.
    """

    __slots__ = ("_names", "_read")

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(map(_named, names))
        # How many were read, and their entries: one value, so that threads need no lock.
        self._read: tuple[int, dict[tuple[str, str], Entry]] = (0, {})

    def __getitem__(self, key: tuple[str, str]) -> Entry:
        count, known = self._read
        while key not in known and count < len(self._names):
            count, known = self._next(count, known)
        return known[key]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        count, known = self._read
        while count < len(self._names):
            count, known = self._next(count, known)
        return iter(known)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _next(
        self, count: int, known: dict[tuple[str, str], Entry]
    ) -> tuple[int, dict[tuple[str, str], Entry]]:
        read = self._read = (count + 1, {**profile(self._names[count]), **known})
        return read


def _named(name: str) -> str:
    wanted = name.replace("-", "_")
    if wanted not in PROFILES:
        raise KeyError(name)
    return wanted


@cache
def profile(name: str) -> Mapping[tuple[str, str], Entry]:
    """Return the entries of one profile.

    Raises:
        KeyError: There is no profile of this name.
    """
    module = importlib.import_module(f"scanner.pickles.profiles.{_named(name)}")
    entries: dict[tuple[str, str], Entry] = {}
    for names, entry in module.ENTRIES:
        for line in names.split():
            owner, _, qualified = line.partition(":")
            for one in qualified.split(","):
                entries[owner, one] = entry
    return entries


def allowlist(names: Iterable[str] = PROFILES, extra: Iterable[str] = ()) -> Allowlist:
    """Return the allowlist of these profiles and a policy's own `module.name` globals."""
    made = Allowlist(Profiles(names))
    extra = tuple(extra)
    return made.with_names(extra) if extra else made


@cache
def default_allowlist() -> Allowlist:
    """Return the allowlist of every profile that is in force by default."""
    return allowlist()


@cache
def torchscript_allowlist() -> Allowlist:
    """Return the default allowlist, and the classes that a TorchScript archive defines.

    Their module `__torch__` exists in no Python: torch's own reader makes them from the
    archive's `code/`, which is TorchScript and not Python.
    """
    entry = Entry(
        "TorchScript's reader makes it from the archive's own code",
        call=shapes.anything,
        new=shapes.anything,
        state=shapes.any_state,
        items=True,
    )
    return Allowlist(dict(default_allowlist()), {"__torch__": entry})
