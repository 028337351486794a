"""What a Keras model's configuration would run when the model is loaded.

Layers are found at any depth: functional models nest in sequential ones, wrappers in both.
Code is a marshalled function (`Lambda`), a class that is registered by the loader's user,
or a module outside Keras.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scanner.facts import CodeFact, Fact
from scanner.reader import Blob

_OWN = ("keras", "tensorflow", "tf_keras", "builtins", "keras_core")
_LAMBDAS = frozenset({"Lambda", "__lambda__", "function", "_tf_keras_function"})
_CALLABLES = frozenset({"TFOpLambda", "SlicingOpLambda", "TFClassMethodDispatcher"})


def code_in(blob: Blob, document: Any) -> Iterator[Fact]:
    """Yield a fact for each thing in the configuration that is code or names code."""
    pending = [document]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(reversed(value))
        elif isinstance(value, dict):
            yield from _object(blob, value)
            pending.extend(reversed(list(value.values())))


def _object(blob: Blob, value: dict[str, Any]) -> Iterator[Fact]:
    name = value.get("class_name")
    if not isinstance(name, str):
        return
    config = value.get("config")
    module = value.get("module")
    registered = value.get("registered_name")
    if name.rpartition(">")[2] in _LAMBDAS:
        yield _fact(blob, "keras-lambda", name, "a function stored as bytecode or by name")
    elif name in _CALLABLES:
        function = config.get("function") if isinstance(config, dict) else None
        detail = str(function or name)
        yield _fact(blob, "keras-op", detail[:200], "a TensorFlow function called by name")
    elif isinstance(module, str) and module.partition(".")[0] not in _OWN:
        yield _fact(blob, "keras-custom", f"{module}.{name}"[:200], "a class outside Keras")
    elif isinstance(registered, str) and ">" in registered:
        yield _fact(blob, "keras-custom", registered[:200], "a class registered by its user")
    elif ">" in name:
        yield _fact(blob, "keras-custom", name[:200], "a class registered by its user")


def _fact(blob: Blob, language: str, name: str, detail: str) -> CodeFact:
    return CodeFact(where=blob.where(), language=language, names=(name,), detail=detail)
