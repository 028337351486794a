"""TensorFlow Lite models: operators that the standard runtime does not have.

Operators of TensorFlow itself, which a delegate runs (`Flex...`), are judged as in a graph.

Source: `tensorflow/lite/schema/schema.fbs`; the FlatBuffers internals page.
"""

from __future__ import annotations

import struct

from scanner.facts import CodeFact
from scanner.formats import Format, Read
from scanner.formats._tensorflow_ops import REVIEWED
from scanner.formats.tensorflow import DANGEROUS, dangerous
from scanner.reader import Blob

_RUNTIME = frozenset(
    """TFLite_Detection_PostProcess AudioSpectrogram Mfcc MaxPoolingWithArgmax2D MaxUnpooling2D
    Convolution2DTransposeBias TransformTensorBilinear TransformLandmarks
    Landmarks2TransformMatrix NumericVerify Multinomial RandomUniform RandomStandardNormal Atan2
    IRFFT2D Roll Sign""".split()  # noqa: SIM905
)
"""Custom operators that TensorFlow Lite and MediaPipe bring along; each computes."""
_MOST = 10_000


def recognise(blob: Blob) -> bool:
    """Whether the file identifier is that of schema version 3."""
    return blob.head(8)[4:] == b"TFL3"


def _field(data: memoryview, table: int, index: int) -> int | None:
    """Where a table's field lies, None when it is absent."""
    (back,) = struct.unpack_from("<i", data, table)
    vtable = table - back
    if vtable < 0:
        raise ValueError("a table's layout lies before the file")
    (size,) = struct.unpack_from("<H", data, vtable)
    if size < 4:
        raise ValueError("a table has no layout")
    if 4 + 2 * index >= size:
        return None
    (offset,) = struct.unpack_from("<H", data, vtable + 4 + 2 * index)
    return table + offset if offset else None


def _follow(data: memoryview, at: int) -> int:
    (offset,) = struct.unpack_from("<I", data, at)
    return at + int(offset)


def read(blob: Blob) -> Read:
    """Yield one fact for each custom operator."""
    data = blob.data
    names: list[str] = []
    try:
        root = _follow(data, 0)
        if root < 8:
            raise ValueError("its root lies in its header")
        place = _field(data, root, 1)
        if place is not None:
            vector = _follow(data, place)
            (count,) = struct.unpack_from("<I", data, vector)
            if count > _MOST:
                raise ValueError("too many operators")
            for number in range(count):
                table = _follow(data, vector + 4 + 4 * number)
                custom = _field(data, table, 1)
                if custom is not None:
                    start = _follow(data, custom)
                    (length,) = struct.unpack_from("<I", data, start)
                    raw = bytes(data[start + 4 : start + 4 + min(length, 200)])
                    names.append(raw.decode("utf-8", "replace"))
    except (struct.error, ValueError) as error:
        yield blob.problem("malformed", f"the model is damaged: {error}", fatal=True)
    for name in sorted(set(names) - _RUNTIME):
        operation = name.removeprefix("Flex")
        if operation != name and operation in DANGEROUS:
            yield dangerous(blob, operation, 1)
            continue
        if operation != name and operation in REVIEWED:
            continue
        yield CodeFact(
            where=blob.where(), language="tflite-op", names=(name,), detail="a custom operator"
        )


FORMAT = Format(name="tflite", recognise=recognise, read=read)
