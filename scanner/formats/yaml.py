"""YAML: tags that name Python objects, keys that name code; parsed as events, never loaded.

Source: YAML 1.1; PyYAML's `python/` tags; hydra's `_target_`.
"""

from __future__ import annotations

import re

from scanner.facts import CodeFact, ConfigFact, Fact
from scanner.formats import Format, Read
from scanner.formats._text import first_word, is_text
from scanner.formats.json import KEYS
from scanner.reader import Blob

_START = re.compile(
    rb"\A(?:\xef\xbb\xbf)?(?:[ \t]*(?:#[^\n]*)?\r?\n)*"
    rb"(?:---|%YAML|%TAG|[\w\"'./ -]{1,100}:(?:[ \t]|\r?\n)|- )"
)
_TAG = re.compile(rb"!!python/|!<tag:yaml\.org,2002:python|tag:yaml\.org,2002:python|_target_")
_LARGEST = 4_000_000


def recognise(blob: Blob) -> bool:
    """Whether it is text that begins like YAML, or mentions a Python tag anywhere."""
    if len(blob.data) > blob.limits.text_bytes or not is_text(blob):
        return False
    if first_word(blob)[:1] in (b"{", b"["):
        return bool(_TAG.search(blob.data)) and b"!!python/" in bytes(blob.data)
    return bool(_START.match(blob.head(4096)) or _TAG.search(blob.data))


def read(blob: Blob) -> Read:
    """Yield tags and keys; what stops parsing stops every loader too."""
    import yaml

    tagged = _TAG.search(blob.data)
    if len(blob.data) > _LARGEST:
        if tagged:
            yield blob.problem("limit-reached", "too long to parse", fatal=True)
        return
    text = bytes(blob.data).decode("utf-8", "replace")
    facts: list[Fact] = []
    keys: list[str | None] = []
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            _event(blob, event, keys, facts)
            if len(facts) > 10_000:
                break
    except (yaml.YAMLError, RecursionError, ValueError):
        # Prose is no YAML. A tag seen before the break is told all the same.
        pass
    yield from facts


def _event(blob: Blob, event: object, keys: list[str | None], facts: list[Fact]) -> None:
    """Follow one event; `keys` has, for each open mapping, the key whose value is next."""
    import yaml

    tag = getattr(event, "tag", None)
    mark = getattr(event, "start_mark", None)
    where = blob.where(mark.index if mark is not None else None)
    if isinstance(tag, str) and "python/" in tag:
        name = tag.rpartition(":")[2]
        facts.append(
            CodeFact(
                where=where,
                language="yaml-object",
                names=(name[:200],),
                detail=tag.partition("python/")[2].partition(":")[0],
            )
        )
    if isinstance(event, yaml.MappingStartEvent):
        _value(blob, keys, None, facts)
        keys.append("")
    elif isinstance(event, yaml.SequenceStartEvent):
        _value(blob, keys, None, facts)
        keys.append(None)
    elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
        if keys:
            keys.pop()
    elif isinstance(event, yaml.ScalarEvent):
        _value(blob, keys, event.value, facts)
    elif isinstance(event, yaml.AliasEvent):
        _value(blob, keys, None, facts)


def _value(blob: Blob, keys: list[str | None], value: str | None, facts: list[Fact]) -> None:
    if not keys or keys[-1] is None:
        return
    if keys[-1] == "":
        keys[-1] = value or "?"
        return
    key = keys[-1]
    keys[-1] = ""
    if key in KEYS:
        facts.append(
            ConfigFact(
                where=blob.where(), document=blob.name, path=f"$..{key}", key=key, value=value
            )
        )


FORMAT = Format(name="yaml", recognise=recognise, read=read)
