"""YAML: tags that name objects or files, keys that name code; parsed as events, never loaded.

A tag beyond YAML's own means what its loader makes of it: an object of Python, Ruby, Java or
another language, a call, another file. Those are told when they are met; a tag of unknown
meaning when its document parses to the end, since prose may begin a line like that.

Source: YAML 1.1; PyYAML's `python/` tags; Psych's `ruby/`; SnakeYAML's global tags;
HyperPyYAML's `!new:`, `!name:` and `!apply:`; hydra's `_target_`.
"""

from __future__ import annotations

import re

from scanner.facts import CodeFact, ConfigFact, Fact
from scanner.findings import Where
from scanner.formats import Format, Read
from scanner.formats._json import DuplicateKeyError, TooDeepError, load_json
from scanner.formats._named import acting, named
from scanner.formats._text import first_word, is_text
from scanner.formats.json import KEYS
from scanner.formats.json import recognise as is_json
from scanner.frozen import dataclass
from scanner.patterns import pattern
from scanner.reader import Blob

_START = pattern(
    rb"\A(?:\xef\xbb\xbf)?(?:[ \t]*(?:#[^\n]*)?\r?\n)*"
    rb"(?:---|%YAML|%TAG|[\w\"'./ -]{1,100}:(?:[ \t]|\r?\n)|- )"
)
_TAG = pattern(
    rb"!!python/|!<tag:yaml\.org,2002:python|tag:yaml\.org,2002:python|_target_"
    rb"|!!?(?:ruby|perl|php|js)/|!!javax?\.|(?:^|[:,\[{-]\s)\s*!(?:include|new:|name:|apply:|module:)"
)
_FLOW = pattern(rb"[:,\[{]\s*![!<A-Za-z]")
_CORE = "tag:yaml.org,2002:"
_OWN = frozenset(
    f"{_CORE}{name}"
    for name in """binary bool float int map merge null omap pairs seq set str timestamp value
    yaml""".split()  # noqa: SIM905
) | {"!", "!ref", "!copy", "!tuple", "!PLACEHOLDER"}
"""Tags of plain data: YAML's own, and those by which HyperPyYAML refers to other keys."""
_KNOWN = pattern(
    r"!(ruby|perl|php|js)/([\w/-]*):?(.*)|!(new|name|apply|module):(.*)|!(include)[\w:-]*"
    r"|tag:yaml\.org,2002:(?:(ruby|perl|php|js)/)?(.+)"
)
"""Tags that loaders follow to objects of a language, calls and files."""
_LOCAL = pattern(r"!?[\w./:,%+-]+")
_CONSTANTS: dict[str, bool] = dict.fromkeys(("true", "True", "TRUE", "yes", "on"), True)
"""What YAML takes for true, as far as a key asks for it."""
_LARGEST = 4_000_000
_MOST = 10_000
_TAGGED = pattern(rb"(?:^|[:?,\[{-][ \t])[ \t]*![!<\w%]|^%TAG", re.MULTILINE)
_PYTHON = pattern(rb"!!python/")
_CARDS = ("readme.md", ".huggingface.yaml")
"""Files whose settings say which files are a dataset's data."""
_FRONT = pattern(r"\A\ufeff?(\s*---[\r\n]+)(.*?)[\r\n]+---(?:[\r\n]|\Z)", re.DOTALL)
"""The front matter of a card, as the Hub's clients cut it out."""
_DATA = ("data_files", "data_dir")
_ELSEWHERE = pattern(r"://|::|^[/\\~]|^[A-Za-z]:[/\\]|(?:^|[/\\])\.\.(?:[/\\]|$)")
_KEYED = pattern(
    rb"^[ \t]*(?:-[ \t]+)*[\"']?(?:" + "|".join(sorted(KEYS)).encode() + rb")[\"']?[ \t]*:[ \t]",
    re.MULTILINE,
)
"""Tags and keys that a document too long to parse may have."""


@dataclass(frozen=True, slots=True)
class _Items:
    """An open list, by the key that it stands under."""

    key: str


_DEFAULTS = _Items("defaults")
"""The list, at the top of a document, of the files that Hydra composes a configuration of."""


def recognise(blob: Blob) -> bool:
    """Whether it is text that begins like YAML, or mentions a Python tag anywhere."""
    if not is_text(blob):
        return False
    if _is_card(blob) and _FRONT.match(_text(blob)):
        return True
    if len(blob.data) > _LARGEST:
        return _says_something(blob)
    if first_word(blob)[:1] in (b"{", b"["):
        return b"!!python/" in bytes(blob.data) or _is_flow(blob)
    return bool(_START.match(blob.data) or _TAG.search(blob.data))


def _says_something(blob: Blob) -> bool:
    """Whether a document too long to parse has tags, or keys that loaders follow."""
    if is_json(blob):
        return _PYTHON.search(blob.data) is not None
    if _TAG.search(blob.data):
        return True
    if first_word(blob)[:1] in (b"{", b"["):
        return _FLOW.search(blob.data) is not None
    begins = _START.match(blob.data)
    return bool(begins and (_TAGGED.search(blob.data) or _KEYED.search(blob.data)))


def _is_flow(blob: Blob) -> bool:
    """Whether it has tags outside strings, which JSON has not."""
    if not _FLOW.search(blob.data):
        return False
    try:
        load_json(bytes(blob.data), blob.limits)
    except (ValueError, RecursionError, TooDeepError, DuplicateKeyError):
        return True
    return False


def read(blob: Blob) -> Read:
    """Yield tags and keys; what stops parsing stops every loader too."""
    import yaml

    if len(blob.data) > _LARGEST:
        yield blob.problem("limit-reached", "too long to parse", fatal=True)
        return
    text = _text(blob)
    if _is_card(blob) and (front := _FRONT.match(text)) and not text.startswith("---"):
        # Blanks before the first dashes hide them from a parser, and not from clients.
        text = "\n" * front.start(2) + front[2]
    below: list[int] = []
    facts: list[Fact] = []
    keys: list[str | _Items] = []
    held: list[Fact] = []
    anchors: dict[str, str] = {}
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            # Parsing takes time by the square of how deep the text nests.
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > blob.limits.json_depth:
                message = "the document nests deeper than the limit"
                facts.append(blob.problem("limit-reached", message, fatal=True))
                break
            if _is_card(blob):
                _data(blob, event, keys, below, facts)
            _event(blob, event, keys, facts, held, anchors)
            if len(facts) > _MOST:
                facts.append(blob.problem("limit-reached", "too many tags and keys", fatal=True))
                break
    except (yaml.YAMLError, RecursionError, ValueError):
        # Prose is no YAML. A tag seen before the break is told all the same.
        pass
    yield from facts


def _event(
    blob: Blob, event: object, keys: list[str | _Items], facts: list[Fact], held: list[Fact],
    anchors: dict[str, str],
) -> None:  # fmt: skip
    """Follow one event; `keys` has, for each open mapping, the key whose value is next.

    `held` has what waits for its document to end, `anchors` the texts that have a name.
    """
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
    elif isinstance(tag, str) and tag not in _OWN:
        _foreign(where, tag, facts, held)
        if not keys and isinstance(event, yaml.ScalarEvent):
            # A line of prose such as `!pip install x`, which is a document to the parser.
            held.clear()
    if isinstance(event, yaml.DocumentEndEvent):
        facts.extend(held)
        held.clear()
    elif isinstance(event, yaml.MappingStartEvent):
        _value(blob, keys, None, facts)
        keys.append("")
    elif isinstance(event, yaml.SequenceStartEvent):
        above = keys[-1] if keys else ""
        _value(blob, keys, None, facts)
        keys.append(above if isinstance(above, _Items) else _Items(above))
    elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
        if keys:
            keys.pop()
    elif isinstance(event, yaml.ScalarEvent):
        if event.anchor:
            anchors[event.anchor] = event.value
        _value(blob, keys, event.value, facts)
    elif isinstance(event, yaml.AliasEvent):
        _value(blob, keys, anchors.get(event.anchor or ""), facts)


def _is_card(blob: Blob) -> bool:
    return blob.name.lower() in _CARDS


def _text(blob: Blob) -> str:
    return bytes(blob.data[:_LARGEST]).decode("utf-8", "replace")


def _data(
    blob: Blob, event: object, keys: list[str | _Items], below: list[int], facts: list[Fact]
) -> None:
    """Tell data of a dataset that lie elsewhere: a URL, another folder, what an alias hides.

    `below` has how deep the documents nests where the open lists of data files began.
    """
    import yaml

    begins = bool(keys) and keys[-1] in _DATA
    if isinstance(event, yaml.CollectionStartEvent):
        if begins:
            below.append(len(keys))
    elif isinstance(event, yaml.CollectionEndEvent):
        if below and below[-1] == len(keys) - 1:
            below.pop()
    elif begins or below:
        alias = isinstance(event, yaml.AliasEvent)
        value = event.anchor if alias else getattr(event, "value", None)  # type: ignore[attr-defined]
        if isinstance(value, str) and (alias or _ELSEWHERE.search(value)):
            facts.append(
                ConfigFact(
                    where=blob.where(),
                    document=blob.name,
                    path="$..data_files",
                    key="data-elsewhere",
                    value=value,
                )
            )


def _foreign(where: Where, tag: str, facts: list[Fact], held: list[Fact]) -> None:
    """Tell a tag that is no plain data's, at once or when its document has ended."""
    known = _KNOWN.fullmatch(tag)
    if known is not None:
        parts = [part for part in known.groups() if part]
        name = parts[-1]
        kind = "file" if name == "include" else "/".join(parts[:-1]) or "object"
        fact = CodeFact(where=where, language="yaml-object", names=(name[:200],),
                        detail="call" if kind == "apply" else kind)  # fmt: skip
        facts.append(fact)
    elif _LOCAL.fullmatch(tag) and len(held) < 1_000:
        held.append(CodeFact(where=where, language="yaml-tag", names=(tag[:200],),
                             detail="means what its loader makes of it"))  # fmt: skip


def _value(blob: Blob, keys: list[str | _Items], value: str | None, facts: list[Fact]) -> None:
    """Tell what a key, its value or an item names; None stands for what holds others."""
    if not keys:
        return
    if value is not None and keys[1:2] == [_DEFAULTS]:
        # A file, a group of files, or a group's file: Hydra joins them into a path.
        facts.extend(acting(blob, "$..defaults", value.rpartition(" ")[2]))
    last = keys[-1]
    if isinstance(last, _Items):
        key = last.key
        if not key or value is None:
            return
    elif last == "":
        keys[-1] = value or "?"
        return
    else:
        key = last
        keys[-1] = ""
    if value is not None:
        facts.extend(named(blob, f"$..{key}", value))
        if key not in KEYS:
            facts.extend(acting(blob, f"$..{key}", value))
    if key in KEYS:
        facts.append(
            ConfigFact(
                where=blob.where(),
                document=blob.name,
                path=f"$..{key}",
                key=key,
                value=_CONSTANTS.get(value, value) if value is not None else None,
            )
        )


FORMAT = Format(name="yaml", recognise=recognise, read=read)
