"""The schema of a skops file: a tree of classes that its loader imports and makes.

Each node names a class, and nodes of functions name a function; they are judged as if a
pickle had named them.

Source: skops 0.16, `skops/io`.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from scanner.facts import ImportFact
from scanner.formats import Format, Read
from scanner.formats._json import DuplicateKeyError, TooDeepError, load_json
from scanner.formats.json import recognise as is_json
from scanner.formats.pickle import allowed
from scanner.patterns import pattern
from scanner.pickles.allowlist import CALLED_ONLY
from scanner.pickles.values import Global
from scanner.reader import Blob

_NODE = pattern(rb'"__loader__"\s*:')
_PAIRS = (("__module__", "__class__"), ("module_path", "function"))


def recognise(blob: Blob) -> bool:
    """Whether a JSON document has nodes that say how they are loaded."""
    if not is_json(blob) or len(blob.data) > blob.limits.json_bytes:
        return False
    return _NODE.search(blob.data) is not None


def read(blob: Blob) -> Read:
    """Yield each class and function once; damage is told by the JSON reader."""
    try:
        document = load_json(bytes(blob.data), blob.limits)
    except (ValueError, RecursionError, TooDeepError, DuplicateKeyError):
        return
    allow = allowed(blob.profiles, blob.allow)
    for (module, name), count in _named(document).items():
        what = Global(module, name)
        objection = allow.judge_import(what)
        if objection is None and allow.kind(what) == CALLED_ONLY:
            # The loader calls it with arguments from the schema, which nobody reviewed.
            objection = "it is harmless with some arguments only"
        yield ImportFact(
            where=blob.where(), count=count, module=module, name=name, objection=objection
        )


def _named(document: Any) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    pending = [document]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending.extend(item)
        elif isinstance(item, dict):
            for module, name in _PAIRS:
                if isinstance(item.get(module), str) and isinstance(item.get(name), str):
                    found[item[module], item[name]] += 1
            pending.extend(item.values())
    return found


FORMAT = Format(name="skops", recognise=recognise, read=read, aspect=True)
