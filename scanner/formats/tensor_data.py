"""Raw numbers of a model that lie in a file of their own: TensorFlow's shards, ONNX's data.

Nothing in such a file tells what it is. It counts only when no other reader knows its bytes
and when the model beside it, which is examined like any file, says what lies in it: an index
that gives it exactly its length, or an ONNX model whose tensors lie within it.

Source: `tensorflow/core/util/tensor_bundle`; the external data convention of ONNX.
"""

from __future__ import annotations

from scanner.formats import Format, Read
from scanner.patterns import pattern
from scanner.reader import Blob

_SHARD = pattern(r"(.+)\.data-([0-9]{5})-of-([0-9]{5})")
_INDEX = 64 << 20
_MODELS = 32


def label(blob: Blob) -> str:
    """`tf-variables` or `onnx-data`, `` when nothing beside the file claims it."""
    if blob.siblings is None or not blob.data:
        return ""
    named = _SHARD.fullmatch(blob.name)
    if named is not None:
        return "tf-variables" if _is_shard(blob, named[1], int(named[2])) else ""
    models = [name for name in blob.siblings.names() if name.endswith(".onnx")][:_MODELS]
    return "onnx-data" if any(_is_claimed(blob, model) for model in models) else ""


def recognise(blob: Blob) -> bool:
    """Whether a model beside this file claims it."""
    return bool(label(blob))


def _is_shard(blob: Blob, prefix: str, number: int) -> bool:
    from scanner.formats._sstable import TableError, is_table, shards

    assert blob.siblings is not None
    index = blob.siblings.read(f"{prefix}.index", _INDEX)
    if index is None or not is_table(memoryview(index)):
        return False
    try:
        return shards(memoryview(index)).get(number) == len(blob.data)
    except TableError:
        return False


def _is_claimed(blob: Blob, name: str) -> bool:
    from scanner.formats._onnx import external, is_model
    from scanner.formats._protobuf import WireError

    assert blob.siblings is not None
    model = blob.siblings.read(name, _INDEX)
    if model is None or not is_model(memoryview(model)):
        return False
    try:
        spans = [
            (offset, length)
            for location, offset, length in external(memoryview(model))
            if location.removeprefix("./") == blob.name
        ]
    except WireError:
        return False
    return bool(spans) and all(offset + length <= len(blob.data) for offset, length in spans)


def read(blob: Blob) -> Read:
    """Raw numbers say nothing that a rule would judge."""
    yield from ()


FORMAT = Format(name="tensor-data", recognise=recognise, read=read, label=label, inert=True)
