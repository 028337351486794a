"""The tensor that a rebuild call of torch's makes, told from the call's arguments.

Layouts that no dense file can hold keep their name: `sparse_coo`, `sparse_csr`, `quantized`,
`meta`, `nested`, `wrapper`. What torch does with each argument is in `torch/_utils.py` and
`torch/_tensor.py`.
"""

from __future__ import annotations

from typing import Final

from scanner.facts import TensorFact
from scanner.findings import Where
from scanner.pickles.values import Call, DictValue, Global, ListValue, Persistent, Value

STORAGE_DTYPES: Final = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16", "LongStorage": "int64", "IntStorage": "int32",
    "ShortStorage": "int16", "CharStorage": "int8", "ByteStorage": "uint8",
    "BoolStorage": "bool", "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128", "QInt8Storage": "qint8", "QUInt8Storage": "quint8",
    "QInt32Storage": "qint32", "QUInt4x2Storage": "quint4x2", "QUInt2x4Storage": "quint2x4",
    "UntypedStorage": "uint8", "_UntypedStorage": "uint8",
}  # fmt: skip
"""Element dtype by storage class; an untyped storage counts bytes."""

ITEM_BYTES: Final = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int64": 8, "int32": 4,
    "int16": 2, "int8": 1, "uint8": 1, "bool": 1, "complex64": 8, "complex128": 16,
    "complex32": 4, "uint16": 2, "uint32": 4, "uint64": 8, "float8_e4m3fn": 1,
    "float8_e5m2": 1, "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1, "float8_e8m0fnu": 1,
    "qint8": 1, "quint8": 1, "qint32": 4, "quint4x2": 1, "quint2x4": 1,
    "float4_e2m1fn_x2": 1, "bits8": 1, "bits16": 2, "bits1x8": 1, "bits2x4": 1, "bits4x2": 1,
}  # fmt: skip
"""Bytes per element by torch dtype name."""

_ALIASES: Final = {
    "float": "float32", "double": "float64", "half": "float16", "long": "int64", "int": "int32",
    "short": "int16", "cfloat": "complex64", "cdouble": "complex128", "chalf": "complex32",
}  # fmt: skip

_SIZE: Final = Global("torch", "Size")

_OTHER_LAYOUTS: Final = {
    "_rebuild_sparse_tensor": "sparse",
    "_rebuild_sparse_csr_tensor": "sparse_csr",
    "_rebuild_nested_tensor": "nested",
    "_rebuild_qtensor": "quantized",
    "_rebuild_meta_tensor_no_storage": "meta",
    "_rebuild_wrapper_subclass": "wrapper",
    "_rebuild_device_tensor_from_numpy": "numpy",
    "_rebuild_device_tensor_from_cpu_tensor": "device",
    "_rebuild_xla_tensor": "xla",
}


def rebuilt(value: Call, where: Where) -> TensorFact | None:
    """Read a rebuild call, or return None for what is none."""
    function = value.function
    if not isinstance(function, Global) or not isinstance(value.args, tuple):
        return None
    args = value.args
    if function.module == "torch._utils":
        if function.name in ("_rebuild_tensor", "_rebuild_tensor_v2") and len(args) >= 4:
            metadata = args[6] if len(args) > 6 else None
            return _strided(args, metadata, None, where)
        if function.name == "_rebuild_tensor_v3" and len(args) >= 7:
            metadata = args[7] if len(args) > 7 else None
            return _strided(args, metadata, _dtype(args[6]), where)
        layout = _OTHER_LAYOUTS.get(function.name)
        if layout is not None:
            return _other(layout, args, where)
    return None


def _strided(
    args: tuple[Value, ...], metadata: Value, dtype: str | None, where: Where
) -> TensorFact | None:
    """Return the tensor of (storage, offset, size, stride, ...), or None when it is none.

    `metadata` may hold the lazy conjugation and negation bits; `dtype` is given where the
    storage is untyped. A view of a storage, as old files have it, moves the offset.
    """
    storage, offset, size, stride = args[0], args[1], _ints(args[2]), _ints(args[3])
    if not isinstance(storage, Persistent) or type(offset) is not int:
        return None
    pid = storage.pid
    if size is None or stride is None or not isinstance(pid, tuple) or len(pid) not in (5, 6):
        return None
    kind, key, location, elements = pid[1:5]
    if not isinstance(kind, Global) or type(elements) is not int:
        return None
    storage_dtype = STORAGE_DTYPES.get(kind.name)
    if storage_dtype is None:
        return None
    start = offset
    if len(pid) == 6 and isinstance(pid[5], tuple) and len(pid[5]) == 3:
        shift = pid[5][1]
        if type(shift) is not int:
            return None
        start += shift
    bits = metadata if isinstance(metadata, DictValue) else DictValue()
    return TensorFact(
        where=where,
        name=(),
        dtype=dtype or storage_dtype,
        shape=size,
        stride=stride,
        storage=_text(key),
        storage_dtype=storage_dtype,
        storage_offset=start,
        storage_elements=elements,
        device=_text(location),
        conjugate=bits.get("conj") is True,
        negative=bits.get("neg") is True,
    )


def _other(layout: str, args: tuple[Value, ...], where: Where) -> TensorFact:
    """Return a tensor of a layout that is not strided, with what its arguments tell."""
    dtype = "unknown"
    shape: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    storage, elements, offset, storage_dtype = "", 0, 0, "unknown"
    if layout == "quantized" and len(args) >= 4:
        inner = _strided(args, None, None, where)
        if inner is not None:
            dtype, shape, stride = inner.dtype, inner.shape, inner.stride
            storage, elements = inner.storage, inner.storage_elements
            offset, storage_dtype = inner.storage_offset, inner.storage_dtype
    elif layout == "meta" and len(args) >= 3:
        dtype = _dtype(args[0]) or dtype
        shape, stride = _ints(args[1]) or (), _ints(args[2]) or ()
    elif layout == "wrapper" and len(args) >= 4:
        dtype = _dtype(args[1]) or dtype
        shape, stride = _ints(args[2]) or (), _ints(args[3]) or ()
    elif layout == "sparse" and len(args) == 2:
        layout = _sparse_layout(args[0])
        if isinstance(args[1], tuple):
            shape = next((s for s in map(_ints, reversed(args[1])) if s is not None), ())
    return TensorFact(
        where=where,
        name=(),
        dtype=dtype,
        shape=shape,
        stride=stride,
        storage=storage,
        storage_dtype=storage_dtype,
        storage_offset=offset,
        storage_elements=elements,
        layout=layout,
    )


def _sparse_layout(value: Value) -> str:
    if isinstance(value, Call) and isinstance(value.args, tuple) and value.args:
        return str(value.args[0]).removeprefix("torch.")
    return value.name if isinstance(value, Global) else "sparse_coo"


def _dtype(value: Value) -> str | None:
    if not isinstance(value, Global) or value.module != "torch":
        return None
    return _ALIASES.get(value.name, value.name)


def _ints(value: Value) -> tuple[int, ...] | None:
    if isinstance(value, Call) and value.function == _SIZE and isinstance(value.args, tuple):
        value = value.args[0] if value.args else None
    if not isinstance(value, (tuple, ListValue)):
        return None
    numbers = tuple(item for item in value if type(item) is int)
    return numbers if len(numbers) == len(value) else None


def _text(value: Value) -> str:
    if isinstance(value, bytes):
        return value.decode("ascii", "replace")
    return str(value)
