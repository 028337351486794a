"""How many raw bytes follow an array wrapper in a joblib file, told from abstract values.

Since 0.10 joblib writes `NumpyArrayWrapper` and, right after the BUILD that fills it, the
array itself: one byte of padding length and the padding (since 1.1), then the elements; an
array of objects follows as a pickle of its own (joblib/numpy_pickle.py).
"""

from __future__ import annotations

from typing import Final

from scanner.frozen import dataclass
from scanner.patterns import pattern
from scanner.pickles.values import Call, DictValue, Global, Value

_WRAPPER: Final = Global("joblib.numpy_pickle", "NumpyArrayWrapper")
_VENDORED: Final = Global("sklearn.externals.joblib.numpy_pickle", "NumpyArrayWrapper")
_DTYPE: Final = pattern(r"[<>=|]?([?bBhHiIlLqQpPefdgFDGSUVOcmM]|[a-zA-Z][0-9]{1,9})")
_CHARACTERS: Final = {
    "?": 1, "b": 1, "B": 1, "c": 1, "h": 2, "H": 2, "e": 2, "i": 4, "I": 4, "f": 4,
    "l": 8, "L": 8, "q": 8, "Q": 8, "p": 8, "P": 8, "d": 8, "m": 8, "M": 8, "F": 8,
    "D": 16, "g": 16, "G": 32, "S": 0, "U": 0, "V": 0,
}  # fmt: skip
_SIZED: Final = frozenset("?biufcmMSaUV")


@dataclass(frozen=True, kw_only=True, slots=True)
class ArrayLayout:
    """What follows a wrapper: a pickle when `objects`, else `nbytes` raw bytes.

    `padded` tells that a length byte and that many bytes of padding come first.
    """

    nbytes: int
    padded: bool
    objects: bool


def is_wrapper(call: Call) -> bool:
    """Whether joblib would read an array after this object's BUILD."""
    function = call.function
    if call.opcode == "REDUCE" and isinstance(call.args, tuple) and call.args and (
        isinstance(function, Global) and function.name in ("_reconstructor", "__newobj__")
    ):  # fmt: skip
        function = call.args[0]
    return isinstance(function, Global) and function in (_WRAPPER, _VENDORED)


def layout(wrapper: Call) -> ArrayLayout | None:
    """Return what follows this wrapper, or None when its state does not tell."""
    state = wrapper.states[-1] if wrapper.states else None
    if not isinstance(state, DictValue):
        return None
    shape, dtype = state.get("shape"), state.get("dtype")
    if not isinstance(shape, tuple):
        return None
    count = 1
    for size in shape:
        if type(size) is not int or size < 0:
            return None
        count *= size
    width = _width(dtype)
    if width is None:
        return None
    padded = state.get("numpy_array_alignment_bytes") is not None
    return ArrayLayout(nbytes=count * width, padded=padded and width >= 0, objects=width < 0)


def _width(dtype: Value, depth: int = 0) -> int | None:
    """Return a dtype's bytes per element, -1 when it holds objects, None when unknown."""
    if not isinstance(dtype, Call) or not isinstance(dtype.args, tuple) or not dtype.args:
        return None
    name = dtype.args[0]
    if not isinstance(name, str) or not _DTYPE.fullmatch(name):
        return None
    state = dtype.states[-1] if dtype.states else None
    if isinstance(state, tuple) and len(state) >= 7:
        _, _, subarray, names, fields, size, _ = state[:7]
        if names is not None or fields is not None or subarray is not None:
            if _holds_objects(state, depth):
                return -1
            return size if type(size) is int and size >= 0 else None
    letter = name.lstrip("<>=|")
    if letter[0] == "O":
        return -1
    if len(letter) == 1:
        return _CHARACTERS.get(letter)
    if letter[0] not in _SIZED:
        return None
    digits = int(letter[1:])
    return digits * 4 if letter[0] == "U" else 8 if letter[0] in "mM" else digits


def _holds_objects(state: tuple[Value, ...], depth: int) -> bool:
    """Whether a structured dtype has an object among its fields, a few levels deep."""
    if depth > 8:
        return True
    inner: list[Value] = []
    if isinstance(state[2], tuple):
        inner.append(state[2][0])
    if isinstance(state[4], DictValue):
        for _, description in state[4].pairs():
            if isinstance(description, tuple) and description:
                inner.append(description[0])
    return any(_width(dtype, depth + 1) in (-1, None) for dtype in inner)
