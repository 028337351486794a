"""What a Keras model's configuration would run when the model is loaded.

Layers are found at any depth: functional models nest in sequential ones, wrappers in both.
Code is a marshalled function (`Lambda`), a class that is registered by the loader's user,
a module outside Keras, a function of Keras that stands where a class belongs, or a layer that
holds a model of another library.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scanner.facts import CodeFact, Fact
from scanner.formats._keras_compiled import foreign
from scanner.patterns import pattern
from scanner.reader import Blob

_OWN = ("keras", "tensorflow", "tf_keras", "builtins", "keras_core")
_LAMBDAS = frozenset({"Lambda", "__lambda__", "function", "_tf_keras_function"})
_CARRIERS = frozenset({"TFSMLayer", "TorchModuleWrapper", "FlaxLayer", "JaxLayer"})
"""Layers of Keras that load a SavedModel, unpickle a module or call a function by its name."""
_CLASS = pattern(r"_?[A-Z]\w*|__\w+__")
_FOLDERS = ("BackupAndRestore", "ModelCheckpoint", "TensorBoard", "CSVLogger", "RemoteMonitor",
            "LambdaCallback", "DirectoryIterator")  # fmt: skip
"""Classes of Keras that open files or connections when they are made, or call what they hold."""
_CALLABLES = frozenset({"TFOpLambda", "SlicingOpLambda", "TFClassMethodDispatcher"})
_ARITHMETIC = pattern(
    r"(?:math|nn|linalg|signal|sparse|bitwise|random|compat\.v1\.(?:math|nn)|keras\.backend"
    r"|image|__operators__)\.[a-z_0-9.]{1,60}"
    r"|(?:abs|add|argmax|argmin|boolean_mask|broadcast_to|cast|clip_by_value|concat|convert_to_tensor"
    r"|cos|cumsum|einsum|equal|exp|expand_dims|eye|fill|floor|gather|gather_nd|greater|identity"
    r"|less|matmul|maximum|meshgrid|minimum|multiply|norm|not_equal|one_hot|ones|ones_like|pad"
    r"|pow|range|rank|repeat|reshape|reverse|reverse_sequence|roll|round|scatter_nd|sequence_mask"
    r"|shape|sigmoid|sign|sin|size|slice|sort|split|sqrt|square|squeeze|stack|strided_slice"
    r"|subtract|tanh|tensordot|tile|transpose|truediv|unstack|where|zeros|zeros_like"
    r"|reduce_[a-z]{3,12}|compat\.v1\.(?:shape|transpose|squeeze|where|gather|image\.[a-z_]{1,40}))"
)
"""Functions over tensors alone: none of these opens a file or takes a function."""
_PLAIN = frozenset(
    """NoneType bool bytes dict float function int list set slice str tuple type""".split()  # noqa: SIM905
)
_OPTIMIZERS = frozenset(
    """Adam AdamW Adamax Adadelta Adagrad Adafactor Ftrl Lion Lamb LossScaleOptimizer Nadam
    RMSprop SGD""".split()  # noqa: SIM905
)
"""What Keras 2 itself registers under the name that it gives to users' classes."""


def code_in(blob: Blob, document: Any) -> Iterator[Fact]:
    """Yield a fact for each thing in the configuration that is code or names code."""
    pending = [document]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(reversed(value))
        elif isinstance(value, dict):
            yield from _object(blob, value)
            for name in foreign(value):
                yield _fact(blob, "keras-custom", name[:200], "a function registered by its user")
            pending.extend(reversed(list(value.values())))


def _object(blob: Blob, value: dict[str, Any]) -> Iterator[Fact]:
    module = value.get("module")
    registered = value.get("registered_name")
    name = value.get("class_name", registered)
    if not isinstance(name, str):
        if value.get("function_type") in ("lambda", "function") and "function" in value:
            yield _fact(blob, "keras-lambda", "Lambda", "a function stored as bytecode or by name")
        return
    config = value.get("config")
    vocabulary = config.get("vocabulary") if isinstance(config, dict) else None
    if isinstance(vocabulary, str):
        yield _fact(blob, "keras-file", vocabulary[:200], "a file that the layer reads")
    if name.rpartition(">")[2] in _LAMBDAS:
        yield _fact(blob, "keras-lambda", name, "a function stored as bytecode or by name")
    elif name in _CALLABLES:
        function = config.get("function") if isinstance(config, dict) else None
        detail = str(function or name)
        if name != "TFClassMethodDispatcher" and (
            name == "SlicingOpLambda" or _ARITHMETIC.fullmatch(detail)
        ):
            return
        yield _fact(blob, "keras-op", detail[:200], "a TensorFlow function called by name")
    elif module == "builtins" and name not in _PLAIN:
        yield _fact(blob, "keras-custom", f"builtins.{name}"[:200], "a function of Python's own")
    elif isinstance(module, str) and not _is_own(module, name):
        yield _fact(blob, "keras-custom", f"{module}.{name}"[:200], "a class outside Keras")
    elif name.rpartition(">")[2] in _FOLDERS:
        yield _fact(blob, "keras-custom", name[:200], "a class that opens files or connections")
    elif name in _CARRIERS:
        yield _fact(blob, "keras-custom", name, "a layer that holds a model of another library")
    elif isinstance(module, str) and module != "builtins" and not _CLASS.fullmatch(name):
        yield _fact(blob, "keras-custom", f"{module}.{name}"[:200], "no class of Keras")
    elif isinstance(registered, str) and (
        ">" in registered or (registered and "module" in value and module is None)
    ):
        yield _fact(blob, "keras-custom", registered[:200], "a class registered by its user")
    elif name.removeprefix("Custom>") in _OPTIMIZERS:
        return
    elif ">" in name:
        yield _fact(blob, "keras-custom", name[:200], "a class registered by its user")


def _is_own(module: str, name: str) -> bool:
    """Whether the module is Keras', or one that Keras names for what it holds itself."""
    root, _, rest = module.partition(".")
    if root == "tensorflow" and "keras" not in rest:
        return name.startswith("__")
    return root in _OWN


def _fact(blob: Blob, language: str, name: str, detail: str) -> CodeFact:
    return CodeFact(where=blob.where(), language=language, names=(name,), detail=detail)
