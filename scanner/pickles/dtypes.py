"""What numpy takes on trust when it restores dtypes and arrays: layouts, flags and lengths.

`dtype.__setstate__` stores the offsets and flags that it is given. Flags that deny an
object let bytes of the file be taken for a pointer, and a field may lie outside its
element; `ndarray.__setstate__` takes as many objects out of a list as the shape says. So
these states are checked here as numpy's own writer makes them.

Source: `numpy/_core/src/multiarray/descriptor.c` and `methods.c`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scanner.patterns import pattern
from scanner.pickles.values import Call, DictValue, Global, ListValue, Span, Unknown, Value

if TYPE_CHECKING:
    from scanner.pickles.allowlist import Allowlist

_SHORT: Final = pattern(r"[<>=|]?([?bBhHiIlLqQpPefdgFDGSaUVOMmcu])([0-9]{0,9})")
_OBJECTS: Final = 0x1B
"""Flags of elements that hold objects: counted, pickled as a list, set to zero, need Python."""
_COUNTED: Final = 0x07
"""Flags that make numpy take an element for a pointer."""
_DEEPEST: Final = 20
_UNCHECKED: Final = "numpy would not check its {}"


def is_dtype(value: Value) -> bool:
    """The result of `numpy.dtype(...)`, or of a class in `numpy.dtypes`."""
    return isinstance(value, Call) and isinstance(value.function, Global) and (
        value.function.dotted == "numpy.dtype" or value.function.module == "numpy.dtypes"
    )  # fmt: skip


def dtype_state(target: Call, state: Value, allow: Allowlist) -> str | None:
    """Return why numpy should not give a new dtype this state, or None."""
    args = target.args
    if target.states:
        return "its state is set twice"
    if not isinstance(args, tuple) or len(args) != 3 or args[2] not in (True, 1):
        return "it changes numpy's own type, for the whole process"
    if not isinstance(state, tuple) or not state or state[0] not in (3, 4):
        return "its state is of no known version"
    if len(state) not in (8, 9) or not all(type(part) is int for part in state[5:8]):
        return "its state has not the parts of a dtype"
    _, _, inner, names, fields, size, _, flags = state[:8]
    assert isinstance(size, int)
    assert isinstance(flags, int)
    kind, width = _named(args[0], size)
    if not kind:
        return "its type has no name that numpy writes"
    objects: bool | None = kind == "O"
    if kind == "V":
        objects = _void(inner, names, fields, size)
        if objects is None or size != width:
            return _UNCHECKED.format("fields, which lie outside an element")
    elif inner is not None or fields is not None or (kind in "SUa" and size != width):
        return _UNCHECKED.format("size")
    if flags & _OBJECTS != _OBJECTS if objects else flags & _COUNTED:
        return _UNCHECKED.format("flags, which deny that elements are objects")
    return None


def _named(name: Value, size: int) -> tuple[str, int | None]:
    """The kind that a dtype's name says, "" for none, and its bytes an element if it says so.

    `size` is what a structured type of a class of its own, such as `numpy.record`, takes.
    """
    if isinstance(name, Global):
        kind = {"record": "V", "void": "V", "object_": "O", "object": "O"}.get(name.name, "")
        return kind, size
    match = _SHORT.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        return ("O", 8) if name == "object" else ("", None)
    if not match[2]:
        return match[1], None
    return match[1], int(match[2]) * (4 if match[1] == "U" else 1)


def _void(inner: Value, names: Value, fields: Value, size: int) -> bool | None:
    """Whether elements with these fields hold objects; None when a field lies outside."""
    parts: list[tuple[Value, int, int]] = []
    if inner is not None:
        if not isinstance(inner, tuple) or len(inner) != 2:
            return None
        shape = inner[1] if isinstance(inner[1], tuple) else (inner[1],)
        parts.append((inner[0], 0, product(shape)))
    if fields is not None:
        if not isinstance(fields, DictValue) or not isinstance(names, (tuple, ListValue)):
            return None
        for _, entry in fields.pairs():
            if not isinstance(entry, tuple) or len(entry) not in (2, 3):
                return None
            parts.append((entry[0], entry[1] if type(entry[1]) is int else -1, 1))
    objects = False
    for dtype, offset, count in parts:
        held = layout(dtype)
        if held is None or offset < 0 or count < 0 or offset + held[1] * count > size:
            return None
        objects = objects or held[0]
    return objects


def layout(dtype: Value, depth: int = 0) -> tuple[bool, int] | None:
    """Whether elements of a dtype hold objects, and how many bytes they take; None: unknown."""
    if not isinstance(dtype, Call) or depth > _DEEPEST or not is_dtype(dtype):
        return None
    if not isinstance(dtype.args, tuple) or not dtype.args:
        return None
    state = dtype.states[0] if dtype.states else None
    if not isinstance(state, tuple) or len(state) < 8:
        state = (3, None, None, None, None, -1, -1, 0)
    kind, width = _named(dtype.args[0], state[5] if isinstance(state[5], int) else -1)
    if kind == "O":
        return True, 8
    if width is None or width < 0 or not kind:
        return None
    inner = [layout(part, depth + 1) for part in _parts(state)] if kind == "V" else []
    return any(one is None or one[0] for one in inner), width


def _parts(state: tuple[Value, ...]) -> list[Value]:
    """The types that a structured type is made of."""
    parts = [state[2][0]] if isinstance(state[2], tuple) and state[2] else []
    if isinstance(state[4], DictValue):
        parts.extend(one[0] for one in state[4][1::2] if isinstance(one, tuple) and one)
    return parts


def product(sizes: Value) -> int:
    """How many elements a shape has, -1 when it is no tuple of sizes."""
    if not isinstance(sizes, (tuple, ListValue)):
        return -1
    count = 1
    for size in sizes:
        if type(size) is not int or size < 0:
            return -1
        count *= size
    return count


def array_state(state: Value, allow: Allowlist) -> str | None:
    """Return why numpy should not fill an array with this state, or None.

    It is ([version,] shape, dtype, order, data), and for a masked array mask and fill value.
    """
    if not isinstance(state, tuple) or not 4 <= len(state) <= 7:
        return "its state is not that of an array"
    shape, dtype, _, data = state[:4] if len(state) == 4 else state[1:5]
    count = product(shape)
    if count < 0:
        return "its shape is no tuple of sizes"
    if not is_dtype(dtype):
        return None if _is_text_dtype(dtype) else "its elements are of no known type"
    held = layout(dtype)
    if isinstance(data, ListValue):
        if len(data) != count:
            return f"it takes {count} objects out of a list of {len(data)}"
        return None
    if held is None:
        return None
    if held[0]:
        return "its objects are not in a list"
    length = _length(data)
    if length is not None and length != count * held[1]:
        return f"it has {length} bytes where its shape takes {count * held[1]}"
    return None


def _is_text_dtype(value: Value) -> bool:
    return (
        isinstance(value, Call)
        and isinstance(value.function, Global)
        and value.function.name == "_convert_to_stringdtype_kwargs"
    )


def _length(data: Value) -> int | None:
    """How many bytes there are, None when that cannot be told here."""
    if isinstance(data, bytes):
        return len(data)
    if isinstance(data, Span) and data.kind in ("bytes", "bytearray"):
        return data.length
    if isinstance(data, (Unknown, Call, str, Span)):
        # Out-of-band buffers, and bytes that protocol 2 keeps as text.
        return None
    return -1
