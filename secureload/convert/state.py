"""From the state that a checkpoint holds to named tensors, and a JSON of all the rest.

Nested dicts and lists become dotted names. The wrappers that training code puts around a
state dict (`state_dict`, fairseq's `model`, the `module.` of data-parallel training) are
taken off, so that the names are those the model has. Nothing is dropped: what is no tensor
goes to `values`. The one exception is a state dict's `_metadata`, version numbers that only
torch's own loader migrates by.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from scanner.facts import TensorFact
from scanner.pickles.tensors import Opaque
from scanner.pickles.values import Call, DictValue, Global, ListValue, SetValue, Span
from secureload.errors import ConversionError

_DEEPEST: Final = 200
_MOST_PLACES: Final = 2_000_000
_NOTHING: Final = object()

_ALWAYS: Final = ("state_dict", "model_state_dict")
_IN_TRAINING: Final = ("model", "module", "net", "network", "weights", "params")
_TRAINING: Final = frozenset(
    {
        *("optimizer", "optimizers", "optimizer_state", "optimizer_state_dict", "optimizer_states"),
        *("args", "cfg", "config", "epoch", "step", "global_step", "iteration", "lr_scheduler"),
        *("lr_schedulers", "scheduler", "extra_state", "task_state", "best_loss", "rng_state"),
        *("optimizer_history", "last_optimizer_state", "loss", "hyper_parameters"),
    }
)
_PREFIX: Final = "module."

_HINTS: Final = {
    "quantized": "dequantize() it, or store int_repr(), scale and zero point as tensors",
    "meta": "it has no data; save the model after its weights are loaded",
    "nested": "store its parts, or pad it to a dense tensor",
    "wrapper": "store the tensors that the subclass wraps",
}
_SPARSE_HINT: Final = "to_dense() it, or store its indices and values as two tensors"


class Named:
    """Tensors by name in the file's order, what is no tensor, and what was done to names."""

    __slots__ = ("notes", "tensors", "values")

    def __init__(self) -> None:
        self.tensors: dict[str, TensorFact] = {}
        self.values: dict[str, Any] = {}
        self.notes: list[str] = []


def name_state(
    file: str, state: Any, *, stands_for: Callable[[Opaque], TensorFact | None] | None = None
) -> Named:
    """Name the tensors of a state as `scanner.pickles.tensors.read_state` gives it.

    `stands_for` gives the tensor that an object which is no data stands for, if any.

    Raises:
        ConversionError: two tensors get one name, a tensor is hidden in an object or has a
            layout that safetensors cannot hold, or there is no tensor at all.
    """
    walk = _Walk(file, stands_for or (lambda _: None))
    wrapper = _wrapper(state)
    if isinstance(state, TensorFact) or (isinstance(state, Opaque) and walk.stands_for(state)):
        state = {"value": state}
    if wrapper is None:
        rest = walk.read((), state)
    else:
        weights, others = state[wrapper], {k: v for k, v in state.items() if k != wrapper}
        inner, rest = walk.read((), weights), walk.read((), others)
        rest = rest if isinstance(rest, dict) else {}
        if inner is not _NOTHING and inner != {}:
            rest[wrapper] = inner
        walk.named.notes.append(f"names are those inside `{wrapper}`")
    named = walk.named
    if not named.tensors:
        raise ConversionError(
            f"{file}: there is no tensor in it", hint="convert the file that holds the weights"
        )
    if rest is not _NOTHING:
        named.values = rest if isinstance(rest, dict) else {"value": rest}
    if all(name.startswith(_PREFIX) and name != _PREFIX for name in named.tensors):
        named.tensors = {n.removeprefix(_PREFIX): fact for n, fact in named.tensors.items()}
        named.notes.append(
            f"`{_PREFIX}`, which data-parallel training adds, is taken off the names"
        )
    return named


def _wrapper(state: Any) -> str | None:
    """Return the key under which a training checkpoint holds its weights, if it is one."""
    if not isinstance(state, dict):
        return None
    if any(isinstance(value, TensorFact) for value in state.values()):
        return None
    for key in _ALWAYS:
        if _is_weights(state.get(key)):
            return key
    if len(state) == 1 or not _TRAINING.isdisjoint(k for k in state if isinstance(k, str)):
        for key in _IN_TRAINING:
            if _is_weights(state.get(key)):
                return key
    return None


def _is_weights(value: Any) -> bool:
    return isinstance(value, dict) and any(isinstance(v, TensorFact) for v in value.values())


class _Walk:
    """One walk over a state: collects tensors, returns the rest as JSON."""

    def __init__(self, file: str, stands_for: Callable[[Opaque], TensorFact | None]) -> None:
        self.file = file
        self.stands_for = stands_for
        self.named = Named()
        self.above: set[int] = set()
        self.places = 0

    def read(self, path: tuple[str, ...], item: Any) -> Any:
        """Return what of `item` is no tensor, ready for JSON, or `_NOTHING`."""
        self.places += 1
        if self.places > _MOST_PLACES or len(path) > _DEEPEST:
            raise ConversionError(
                f"{self.file}: its containers nest or repeat beyond what checkpoints do",
                hint="the file is damaged or forged",
            )
        if isinstance(item, Opaque):
            fact = self.stands_for(item)
            if fact is None:
                return self.opaque(path, item)
            item = fact
        if isinstance(item, TensorFact):
            self.add(".".join(path), item)
            return _NOTHING
        if isinstance(item, (dict, list, tuple)):
            return self.container(path, item)
        return self.scalar(path, item)

    def add(self, name: str, fact: TensorFact) -> None:
        if fact.layout != "strided":
            hint = _HINTS.get(fact.layout, _SPARSE_HINT if "sparse" in fact.layout else "")
            raise ConversionError(
                f"{self.file}: tensor {name!r} is {fact.layout}, which safetensors cannot hold",
                hint=hint or "store it as a dense tensor",
            )
        if name in self.named.tensors:
            raise ConversionError(
                f"{self.file}: two tensors would be named {name!r}",
                hint="rename one of them in the checkpoint",
            )
        self.named.tensors[name] = fact

    def container(self, path: tuple[str, ...], item: Any) -> Any:
        if id(item) in self.above:
            return {"$same": "a container around this one"}
        self.above.add(id(item))
        pairs = list(item.items() if isinstance(item, dict) else enumerate(item))
        read = [(_key(key), self.read((*path, _key(key)), value)) for key, value in pairs]
        self.above.discard(id(item))
        kept = [(key, value) for key, value in read if value is not _NOTHING]
        if pairs and not kept:
            return _NOTHING
        if not isinstance(item, dict) and len(kept) == len(pairs):
            return [value for _, value in kept]
        if len({key for key, _ in kept}) != len(kept):
            return [[key, value] for key, value in kept]
        return dict(kept)

    def opaque(self, path: tuple[str, ...], item: Opaque) -> Any:
        before = len(self.named.tensors)
        name = ".".join(path) or "the whole file"
        shown: dict[str, Any] = {"$object": item.callee}
        state = self.read((*path, "state"), item.state) if item.state is not None else None
        if len(self.named.tensors) != before:
            raise ConversionError(
                f"{self.file}: {name} is an object of {item.callee} that holds tensors",
                hint="save its state_dict() instead of the object itself",
            )
        if isinstance(item.value, Call):
            if item.value.args != ():
                shown["arguments"] = self.value(path, item.value.args)
            if item.value.items:
                shown["items"] = self.value(path, ListValue(item.value.items))
        if state is not None:
            shown["state"] = state
        return shown

    def value(self, path: tuple[str, ...], value: Any, depth: int = 0) -> Any:
        """Show an abstract value: the arguments of a call that was not made."""
        self.places += 1
        if depth > 20 or self.places > _MOST_PLACES:
            return {"$omitted": "nested too deeply"}
        if isinstance(value, DictValue):
            return [
                [self.value(path, k, depth + 1), self.value(path, v, depth + 1)]
                for k, v in value.pairs()
            ]
        if isinstance(value, (tuple, list)):
            return [self.value(path, part, depth + 1) for part in value]
        if isinstance(value, SetValue):
            return [self.value(path, part, depth + 1) for part in value.items]
        if isinstance(value, Global):
            return {"$global": value.dotted}
        if isinstance(value, Call):
            function = self.value(path, value.function, depth + 1)
            return {"$call": function, "arguments": self.value(path, value.args, depth + 1)}
        return self.scalar(path, value)

    def scalar(self, path: tuple[str, ...], item: Any) -> Any:
        if item is None or isinstance(item, bool):
            return item
        if isinstance(item, str):
            return item.encode("utf-8", "backslashreplace").decode("utf-8")
        if isinstance(item, int):
            return item if item.bit_length() < 10_000 else {"$integer": hex(item)}
        if isinstance(item, float):
            return item if math.isfinite(item) else {"$float": repr(item)}
        if isinstance(item, (bytes, bytearray)):
            return {"$bytes": bytes(item).hex()}
        if isinstance(item, Span):
            name = ".".join(path)
            self.named.notes.append(f"{name}: {item.kind} of {item.length} bytes is left out")
            return {"$omitted": f"{item.kind} of {item.length} bytes"}
        return {"$omitted": str(item)}


def _key(key: Any) -> str:
    return key if isinstance(key, str) else repr(key)
