"""JSON read strictly: no duplicate keys, no deep nesting; for every reader that meets JSON."""

from __future__ import annotations

import json
import re
from typing import Any

from scanner.limits import Limits
from scanner.patterns import pattern

_BRACKETS = pattern(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)


class TooDeepError(Exception):
    """The document nests deeper than `limits.json_depth`, or is larger than `json_bytes`."""


class DuplicateKeyError(Exception):
    """An object has a key twice; readers differ on which counts."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise DuplicateKeyError(json.dumps(key)[:200])
            seen.add(key)
    return made


def load_json(text: bytes, limits: Limits) -> Any:
    """Parse a UTF-8 JSON document.

    Raises:
        ValueError: It is no JSON, or no UTF-8.
        TooDeepError: It is too large or nests too deep.
        DuplicateKeyError: An object has a key twice.
    """
    if len(text) > limits.json_bytes:
        raise TooDeepError("the document is larger than the limit")
    depth = 0
    if text.count(b"{") + text.count(b"[") > limits.json_depth:
        for match in _BRACKETS.finditer(text):
            bracket = match[0]
            if bracket in b"[{":
                depth += 1
                if depth > limits.json_depth:
                    raise TooDeepError("the document nests deeper than the limit")
            elif bracket in b"]}":
                depth -= 1
    return json.loads(text.decode("utf-8-sig"), object_pairs_hook=_pairs)
