"""`keras_metadata.pb` beside a SavedModel: each Keras object with its configuration in JSON.

Loading the model with Keras rebuilds its layers from here, functions of `Lambda` layers
among them.

Source: `keras/protobuf/saved_metadata.proto`.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.formats import Format, Read
from scanner.formats._json import DuplicateKeyError, TooDeepError, load_json
from scanner.formats._keras import code_in
from scanner.formats._protobuf import BYTES, WireError, fields, shape
from scanner.reader import Blob

_OBJECT = {2, 3, 4, 5, 6}


def _objects(blob: Blob) -> Iterator[dict[int, memoryview]]:
    for number, wire, value in fields(blob.data):
        if number != 1 or wire != BYTES or not isinstance(value, memoryview):
            raise WireError("a field that has no place here")
        yield {
            inside: got for inside, _, got in fields(value) if isinstance(got, memoryview)
        }  # fmt: skip


def recognise(blob: Blob) -> bool:
    """Whether the first object has a path, an identifier and metadata that is JSON."""
    if blob.head(1) != b"\n":
        return False
    try:
        first = next(_objects(blob), {})
    except WireError:
        return False
    found = shape(blob.data, most=4)
    return (
        found is not None
        and set(first) <= _OBJECT
        and bytes(first.get(4, b"")[:4]) == b"_tf_"
        and bytes(first.get(5, b"")[:1]) == b"{"
    )


def read(blob: Blob) -> Read:
    """Yield what each configuration would run."""
    try:
        for one in _objects(blob):
            document = load_json(bytes(one.get(5, b"{}")) or b"{}", blob.limits)
            yield from code_in(blob, document)
    except (WireError, ValueError, RecursionError, TooDeepError, DuplicateKeyError) as error:
        yield blob.problem("malformed", f"the metadata is damaged: {error}", fatal=True)


FORMAT = Format(name="keras-metadata", recognise=recognise, read=read)
