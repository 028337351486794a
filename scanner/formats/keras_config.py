"""Keras model configurations in JSON: `config.json` of a `.keras` file, saved architectures."""

from __future__ import annotations

from scanner.formats import Format, Read
from scanner.formats._json import DuplicateKeyError, TooDeepError, load_json
from scanner.formats._keras import code_in
from scanner.formats.json import recognise as is_json
from scanner.patterns import pattern
from scanner.reader import Blob

_SPEAKS = pattern(rb'"(?:class_name|registered_name)"|\\u00[4-7]')
"""The keys that matter, or letters written as escapes, which may spell them."""


def recognise(blob: Blob) -> bool:
    """Whether a JSON document speaks of classes as Keras does."""
    if not is_json(blob) or len(blob.data) > blob.limits.json_bytes:
        return False
    return _SPEAKS.search(blob.data) is not None


def read(blob: Blob) -> Read:
    """Yield what the configuration would run; damage is told by the JSON reader."""
    try:
        document = load_json(bytes(blob.data), blob.limits)
    except (ValueError, RecursionError, TooDeepError, DuplicateKeyError):
        return
    yield from code_in(blob, document)


FORMAT = Format(name="keras-config", recognise=recognise, read=read, aspect=True)
