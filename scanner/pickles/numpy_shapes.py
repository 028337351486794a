"""Argument shapes of array libraries: dtypes, arrays and buffers of numpy, Arrow and joblib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scanner.patterns import pattern
from scanner.pickles.dtypes import array_state, is_dtype
from scanner.pickles.predicates import is_int, is_ints, is_made_by, is_scalar, is_text
from scanner.pickles.shapes import Args, attributes
from scanner.pickles.values import Call, DictValue, Global, ListValue, Unknown, Value

if TYPE_CHECKING:
    from scanner.pickles.allowlist import Allowlist


def nested_array(args: Args, allow: Allowlist) -> str | None:
    """(numpy's function for empty arrays, its arguments, state, attributes or None)."""
    match args:
        case (Global() as function, tuple() as inner, tuple() as state, extra):
            if function.name != "_reconstruct":
                return "the function it calls makes no array"
            made = allow.judge_call(function, inner, None, "REDUCE") or array_state(state, allow)
            return made or (None if extra is None else attributes(extra, allow))
    return "its arguments are not those of an array"


_DTYPE_NAME: Final = pattern(r"[<>=|]?[A-Za-z?][A-Za-z_]{0,15}[0-9]{0,9}(?:\[[0-9a-z]{1,12}\])?")


def dtype(args: Args, allow: Allowlist) -> str | None:
    """A dtype's short name and two flags."""
    match args:
        case (name, *flags) if all(is_scalar(flag) for flag in flags) and len(flags) <= 2:
            if isinstance(name, str) and _DTYPE_NAME.fullmatch(name):
                return None
            if isinstance(name, Global) and allow.kind(name) in ("numpy-scalar", "scalar"):
                return None
        case ((Global() as record, inner), *flags) if all(map(is_scalar, flags)):
            if allow.kind(record) == "numpy-scalar" and is_dtype(inner):
                return None
    return "it is harmless with the name of a dtype only"


def numpy_scalar(args: Args, allow: Allowlist) -> str | None:
    """(dtype, the bytes of one element)."""
    match args:
        case (kind, content) if is_dtype(kind):
            if is_text(content) or is_made_by(content, "_codecs.encode"):
                return None
        case (kind,) if is_dtype(kind):
            return None
    return "it is harmless with (dtype, bytes) only"


def ufunc(args: Args, allow: Allowlist) -> str | None:
    """(numpy's own module, the name of a function over arrays)."""
    match args:
        case (
            "numpy" | "numpy.core._multiarray_umath" | "numpy._core._multiarray_umath",
            str(name),
        ) if name in UFUNCS:
            return None
    return "it is harmless with the name of a function over arrays only"


UFUNCS: Final = frozenset(
    """abs absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh cbrt ceil conjugate cos
    cosh deg2rad degrees divide exp exp2 expm1 fabs floor floor_divide fmax fmin fmod gcd greater
    greater_equal heaviside hypot invert isfinite isinf isnan lcm less less_equal log log10 log1p
    log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor matmul maximum minimum
    mod multiply negative not_equal positive power rad2deg radians reciprocal remainder rint sign
    sin sinh spacing sqrt square subtract tan tanh true_divide trunc""".split()  # noqa: SIM905
)


def empty_array(args: Args, allow: Allowlist) -> str | None:
    """(array class, (0,), b"b"): the empty array that BUILD then fills."""
    match args:
        case (Global() as cls, (0,), kind) if allow.kind(cls) == "array":
            if is_text(kind) or is_made_by(kind, "_codecs.encode"):
                return None
        case (Global() as cls, Global() as base, (0,), kind) if allow.kind(cls) == "array":
            if allow.kind(base) == "array" and (
                is_text(kind) or is_made_by(kind, "_codecs.encode")
            ):
                return None
    return "it is harmless with (array class, (0,), b'b') only"


def from_buffer(args: Args, allow: Allowlist) -> str | None:
    """(buffer, dtype, shape, order): an array over bytes that are in the file."""
    match args:
        case (content, kind, shape, *order) if is_dtype(kind) and is_ints(shape):
            if all(isinstance(option, str) for option in order) and (
                is_text(content) or isinstance(content, Unknown) or is_made_by(
                    content, "builtins.bytearray", "builtins.bytes", "_codecs.encode")
            ):  # fmt: skip
                return None
    return "it is harmless with (buffer, dtype, shape, order) only"


_BIT_GENERATOR: Final = Global("numpy.random._pickle", "__bit_generator_ctor")


def generator(args: Args, allow: Allowlist) -> str | None:
    """Names of bit generators, generators already made, and their listed classes.

    numpy 1.24 to 1.26 names the function that looks the bit generator up, and calls it.
    """
    if len(args) == 2 and isinstance(args[0], str) and args[1] == _BIT_GENERATOR:
        args = args[:1]
    for arg in args:
        if isinstance(arg, str) and arg.isidentifier():
            continue
        if isinstance(arg, Global) and allow.kind(arg) == "generator":
            continue
        if isinstance(arg, Call) and isinstance(arg.function, Global) and (
            arg.function.module.startswith("numpy.random.")
        ):  # fmt: skip
            continue
        return "it is harmless with a bit generator only"
    return None


def buffer(args: Args, allow: Allowlist) -> str | None:
    """Bytes, or what holds them: never the address of memory."""
    match args:
        case (content,):
            if is_text(content) or isinstance(content, Unknown) or is_made_by(
                content, "builtins.bytearray", "builtins.bytes", "_codecs.encode",
                "__builtin__.bytearray", "__builtin__.bytes",
            ):  # fmt: skip
                return None
    return "it is harmless with bytes only"


def arrow_array(args: Args, allow: Allowlist) -> str | None:
    """(type, length, null count, offset, buffers, children, dictionary), as one tuple."""
    match args:
        case ((kind, *counts, ListValue() as buffers, ListValue() as children, None),):
            flat = is_made_by(kind, "pyarrow.lib.type_for_alias") and not children
            known = [one is None or is_made_by(one, "pyarrow.lib.py_buffer") for one in buffers]
            if flat and len(counts) == 3 and all(map(is_int, counts)) and all(known):
                return None
    return "its arguments are not those of a flat array"


def array_wrapper(state: Value, allow: Allowlist) -> str | None:
    """The attributes of joblib's array wrapper, of which it calls `subclass` alone."""
    if not isinstance(state, DictValue):
        return "its state is not a dict of attributes"
    subclass = state.get("subclass")
    if not isinstance(subclass, Global) or allow.kind(subclass) != "array":
        return "its array class is not listed"
    return attributes(state, allow)
