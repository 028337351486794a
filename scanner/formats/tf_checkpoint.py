"""TensorFlow checkpoints: the index, a table of names, types, shapes and places.

It holds no program; what it says of its data files tells whether they are what they seem.

Source: `tensorflow/core/util/tensor_bundle`.
"""

from __future__ import annotations

from scanner.formats import Format, Read
from scanner.formats._sstable import TableError, is_table, shards
from scanner.reader import Blob


def recognise(blob: Blob) -> bool:
    """Whether the file ends like a table."""
    return is_table(blob.data)


def read(blob: Blob) -> Read:
    """Yield that the table is damaged, if it is."""
    try:
        shards(blob.data)
    except TableError as error:
        yield blob.problem("malformed", f"the checkpoint's index is damaged: {error}", fatal=True)


FORMAT = Format(name="tf-checkpoint", recognise=recognise, read=read)
