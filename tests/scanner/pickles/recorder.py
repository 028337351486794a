"""CPython's own unpicklers as the truth: what they import, call and change, with nothing done.

`find_class` gives a fake class that records every use of itself and of its instances, so
any bytes can be loaded in the test's own process.
"""

from __future__ import annotations

import contextlib
import io
import pickle
import resource
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scanner.facts import CallFact, ImportFact, PersistentIdFact, StateFact
from scanner.pickles.machine import interpret

Event = tuple[str, str]


def fake(events: list[Event], dotted: str) -> Any:
    """Return a class that stands for the global `dotted`."""

    class Meta(type):
        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            events.append(("call", dotted))
            return object.__new__(cls)

    class Fake(metaclass=Meta):
        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            if isinstance(cls, type):
                events.append(("call", dotted))
                return object.__new__(cls)
            events.append(("call", f"{dotted}(...)"))
            return object.__new__(fake(events, f"{dotted}(...)"))

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            events.append(("call", f"{dotted}(...)"))
            return object.__new__(fake(events, f"{dotted}(...)"))

        def __setstate__(self, state: Any) -> None:
            events.append(("state", dotted))

        def extend(self, items: Any) -> None:
            events.append(("state", dotted))

        def append(self, item: Any) -> None:
            events.append(("state", dotted))

        def add(self, item: Any) -> None:
            events.append(("state", dotted))

        def __setitem__(self, key: Any, value: Any) -> None:
            events.append(("state", dotted))

    return Fake


def observe(data: bytes, base: Any, *, peek: bool, encoding: str = "ASCII") -> set[Event]:
    """Load `data` once with this unpickler; return what it did until it stopped or raised."""
    events: list[Event] = []

    class Recorder(base):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> Any:
            events.append(("import", f"{module}.{name}"))
            return fake(events, f"{module}.{name}")

        def persistent_load(self, pid: Any) -> Any:
            events.append(("persistent", ""))
            return object.__new__(fake(events, "?persistent"))

    file: Any = io.BytesIO(data)
    if peek:
        file = io.BufferedReader(file, max(1, len(data)) + 1)  # type: ignore[type-var]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.suppress(Exception):
            Recorder(file, encoding=encoding).load()
    return set(events)


@contextlib.contextmanager
def little_memory() -> Iterator[None]:
    """Let no allocation succeed that a lying length or memo index would cause."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def truth(data: bytes) -> set[Event]:
    """Return all that any of CPython's ways of loading does."""
    with little_memory():
        return _truth(data)


def _truth(data: bytes) -> set[Event]:
    seen: set[Event] = set()
    for base, peek in (
        (pickle.Unpickler, False),
        (pickle.Unpickler, True),
        (pickle._Unpickler, False),  # type: ignore[attr-defined]
    ):
        for encoding in ("ASCII", "utf-8"):
            seen |= observe(data, base, peek=peek, encoding=encoding)
    return seen


def ours(data: bytes) -> set[Event]:
    seen: set[Event] = set()
    for fact in interpret(data, pickles=1).facts:
        if isinstance(fact, ImportFact):
            seen.add(("import", f"{fact.module}.{fact.name}"))
        elif isinstance(fact, CallFact):
            seen.add(("call", fact.callee))
        elif isinstance(fact, StateFact):
            seen.add(("state", fact.callee))
        elif isinstance(fact, PersistentIdFact):
            seen.add(("persistent", ""))
    return seen


def missed(data: bytes) -> set[Event]:
    """What CPython does and we did not see; names are compared up to three calls deep."""
    return {
        (kind, dotted)
        for kind, dotted in truth(data) - ours(data)
        if "?" not in dotted and dotted.count("(...)") < 3
    }
