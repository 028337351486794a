"""A configuration leads a loader out of the model's folder.

Why it matters
    What was examined is the folder; a path or repository named here is loaded too, and
    nobody looked at it.
Fires on
    `transformers_weights`, `audio_tokenizer_name_or_path`, absolute paths, `../` and URLs under
    keys that loaders follow; `../` and `file:` under other keys that name a file to open, and
    in what Hydra composes a configuration of (`defaults`, `searchpath`); data files of a
    dataset's card that are URLs, lie in other folders or hide behind an alias. For information
    where an adapter names its base model on the Hub, as every adapter does: the gate resolves
    and admits the base by itself.
Stays quiet on
    `_name_or_path`, which only says where a model came from, and plain file names.
Remedy
    Scan and admit the other model by itself; the gate takes these keys out of its copy.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.facts import ConfigFact
from scanner.findings import Severity
from scanner.patterns import pattern
from scanner.rules import Message, Rule

_ALWAYS = frozenset({"transformers_weights", "audio_tokenizer_name_or_path"})
_BASE = "base_model_name_or_path"
_HUB_ID = pattern(r"(?:[A-Za-z0-9][\w.-]{0,95}/)?[A-Za-z0-9][\w.-]{0,95}")
_SILENT = frozenset({"_name_or_path", "class_name", "registered_name", "module", "weight_map"})
_FOLLOWED = pattern(
    r"(?:_path|_file|_repo|_tower|_checkpoint|checkpoint|backbone|repo_path|repo_id|index_name"
    r"|_name_or_path)$"
)
_OPENED = pattern(
    r"(?:.*_)?(?:model|weights?|checkpoint|ckpt|tokenizer|vocab|merges|encoder|decoder|processor|adapter"
    r"|lora|embeddings?|library|plugin|engine|config|vae|unet|file)(?:_?(?:path|file|file_?name|name))?"
    r"|file|include|includes|extends|_base_|base|\$ref|uri|defaults|searchpath"
)
"""Keys under which other loaders open what climbs out; folders for results are none."""
_OUTSIDE = pattern(
    r"^(?:[A-Za-z][A-Za-z0-9+.-]*://|[/\\~]|[A-Za-z]:[/\\])|(?:^|[/\\])\.\.(?:[/\\]|$)"
)


def check(fact: ConfigFact) -> Iterator[Message]:
    """Yield one message when the value leads elsewhere."""
    value = fact.value
    if not isinstance(value, str) or not value or fact.key in _SILENT:
        return
    evidence = {"path": fact.path, "value": value[:200]}
    if fact.key == _BASE and _HUB_ID.fullmatch(value):
        text = f"`{fact.path}` makes loaders open `{value[:100]}`, another model"
        yield Message(text=text, severity=Severity.INFO, evidence=evidence)
    elif fact.key == "data-elsewhere":
        yield Message(
            text=f"the card has the dataset's data read from `{value[:100]}`", evidence=evidence
        )
    elif fact.key == "climbing-path":
        if _OPENED.fullmatch(fact.path.rpartition(".")[2].partition("[")[0]):
            yield Message(
                text=f"`{fact.path}` leaves the folder: `{value[:100]}`", evidence=evidence
            )
    elif fact.key in _ALWAYS or fact.key == _BASE:
        yield Message(text=f"`{fact.path}` makes loaders open `{value[:100]}`", evidence=evidence)
    elif _OUTSIDE.search(value) and _FOLLOWED.search(fact.key):
        yield Message(text=f"`{fact.path}` leaves the folder: `{value[:100]}`", evidence=evidence)


RULE = Rule(id="config-leaves-folder", reads=ConfigFact, severity=Severity.MEDIUM, check=check)
