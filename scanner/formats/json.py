"""JSON documents: configurations, tokenizers, indexes. Every value whose key matters is told.

Which keys matter is a rule's affair; this reader walks the whole document and passes on all
scalars under the keys that loaders are known to follow, containers under them, and every
entry of a weight index. Chat templates become templates.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scanner.facts import ConfigFact, Fact, TemplateFact
from scanner.formats import Format, Read
from scanner.formats._json import DuplicateKeyError, TooDeepError, load_json
from scanner.formats._named import acting, named, paired
from scanner.formats._text import first_word, is_text
from scanner.reader import Blob

KEYS = frozenset(
    [
        "auto_map",
        "custom_generate",
        "custom_pipelines",
        "custom_pipeline",
        "trust_remote_code",
        "attn_implementation",
        "_attn_implementation",
        "_attn_implementation_internal",
        "attn_implementation_internal",
        "experts_implementation",
        "_experts_implementation",
        "_experts_implementation_internal",
        "fusion_config",
        "quantization_config",
        "quant_method",
        "kernel",
        "kernels",
        "kernel_config",
        "hub_kernels",
        "use_kernels",
        "transformers_weights",
        "audio_tokenizer_name_or_path",
        "base_model_name_or_path",
        "repo_path",
        "repo_id",
        "class_info_file",
        "backbone",
        "text_encoder_name_or_path",
        "vision_tower",
        "mm_vision_tower",
        "mm_audio_tower",
        "tokenizer_name_or_path",
        "processor_name_or_path",
        "model_name_or_path",
        "pretrained_model_name_or_path",
        "encoder_name_or_path",
        "decoder_name_or_path",
        "question_encoder_name_or_path",
        "generator_name_or_path",
        "index_path",
        "passages_path",
        "index_name",
        "font_path",
        "font_repo",
        "parent_library",
        "tokenizer_file",
        "vocab_file",
        "merges_file",
        "spm_file",
        "adapter_path",
        "lora_path",
        "weights_path",
        "checkpoint",
        "checkpoint_path",
        "checkpoint_file",
        "model_path",
        "ckpt_path",
        "pretrained_path",
        "config_path",
        "data_path",
        "state_dict_path",
        "_name_or_path",
        "_target_",
        "__reduce__",
        "py/object",
        "py/type",
        "py/reduce",
        "class_name",
        "registered_name",
        "module",
        "__module__",
        "loader_module",
        "activation_fn",
        "activation_function",
        "default_activation_function",
        "sbert_ce_default_activation_function",
        "types",
        "py/function",
        "py/method",
        "py/repr",
        "$type",
        "@class",
        "@type",
        "lc",
        "custom_op_library",
        "custom_ops_library",
        "plugin_path",
        "ep_library_path",
        "sp_model",
        "name_or_path",
    ]
)
"""Keys that some loader follows: code to import, files or repositories to open."""

_NODE = frozenset({"__class__", "__module__", "__loader__"})
_MOST = 100_000
_SHORT = 256
"""Longest list whose strings may name something; longer ones are vocabularies and data."""


def recognise(blob: Blob) -> bool:
    """Whether it is text that begins like a JSON object or array."""
    word = first_word(blob)
    return word[:1] in (b"{", b"[") and is_text(blob) and _plausible(word)


def _plausible(word: bytes) -> bool:
    # Tables of TOML begin like lists of lists; what is all brackets may be a deep list.
    inner = word.lstrip(b"[")
    if word[:2] == b"[[" and inner:
        return _plausible(b"[" + inner)
    rest = word[1:].lstrip()
    if word[:1] == b"{":
        return rest[:1] in (b'"', b"}")
    return (rest[:1] in b'"{[]-0123456789' and rest != b"") or rest[:4] in (
        b"true", b"null",
    )  # fmt: skip


def read(blob: Blob) -> Read:
    """Yield the values that rules may care about."""
    try:
        document = load_json(bytes(blob.data), blob.limits)
    except DuplicateKeyError as error:
        yield blob.problem("duplicate-key", f"an object has {error} twice")
        return
    except TooDeepError as error:
        yield blob.problem("limit-reached", str(error), fatal=True)
        return
    except (ValueError, RecursionError) as error:
        if _is_lines(blob):
            for line in filter(bytes.strip, bytes(blob.data).splitlines()):
                yield from values(blob, load_json(line, blob.limits), data=True)
            return
        yield blob.problem("malformed", f"no valid JSON: {error}", fatal=True)
        return
    yield from _components(blob, document)
    yield from values(blob, document)


def _components(blob: Blob, document: Any) -> Iterator[Fact]:
    """Yield the classes that a pipeline or a list of modules is put together from."""

    def fact(path: str, key: str, value: str) -> ConfigFact:
        return ConfigFact(
            where=blob.where(), document=blob.name, path=path, key=key, value=value
        )  # fmt: skip

    if isinstance(document, dict) and _is_pipeline(blob, document):
        for name, entry in document.items():
            if isinstance(entry, list) and len(entry) >= 2 and isinstance(entry[0], str):
                yield fact(f"$.{name}", "pipeline-component", f"{entry[0]}:{entry[1]}")
    elif isinstance(document, list):
        for number, entry in enumerate(document):
            if isinstance(entry, dict) and {"idx", "path", "type"} <= set(entry):
                yield fact(f"$[{number}].type", "module-type", str(entry["type"]))
                yield fact(f"$[{number}].path", "module_path", str(entry["path"]))


def _is_pipeline(blob: Blob, document: dict[str, Any]) -> bool:
    """Whether pairs in it are a pipeline's components; a model's own settings hold pairs too.

    Pipelines are read from `model_index.json` alone; models and schedulers keep theirs in
    files whose names end in `config.json`.
    """
    if blob.name.endswith("model_index.json"):
        return True
    if not {"_class_name", "_diffusers_version"} & set(document):
        return False
    name = document.get("_class_name")
    model = isinstance(name, str) and "Pipeline" not in name
    return not (model and blob.name.endswith("config.json"))


def _is_lines(blob: Blob) -> bool:
    """Whether every line is a JSON document of its own; such files are data."""
    if len(blob.data) > blob.limits.json_bytes:
        return False
    lines = [line for line in bytes(blob.data).splitlines() if line.strip()]
    try:
        return len(lines) > 1 and all(
            isinstance(load_json(line, blob.limits), (dict, list)) for line in lines
        )
    except (ValueError, RecursionError, TooDeepError, DuplicateKeyError):
        return False


def values(blob: Blob, document: Any, *, data: bool = False) -> Iterator[Fact]:
    """Yield facts for a parsed document, in its order.

    In `data`, only keys that loaders follow name something: its texts are what people wrote.
    """
    pending: list[tuple[str, str, bool, Any]] = [("$", "", False, document)]
    told = 0
    while pending:
        path, key, chosen, value = pending.pop()
        if chosen and key not in ("chat_template",):
            told += 1
            if told > _MOST:
                yield blob.problem("limit-reached", "too many values of interest", fatal=True)
                return
            plain = value if isinstance(value, (str, int, float, bool)) else None
            yield ConfigFact(
                where=blob.where(), document=blob.name, path=path, key=key, value=plain
            )
        if key == "chat_template":
            yield from _templates(blob, value)
        elif isinstance(value, str) and not path.endswith("]") and not data:
            yield from named(blob, path, value)
            if not chosen:
                yield from acting(blob, path, value)
        if isinstance(value, dict) and not data:
            yield from paired(blob, path, value)
        if isinstance(value, dict):
            index = key == "weight_map"
            for name, item in reversed(value.items()):
                inside = index or (chosen and isinstance(item, str)) or name in KEYS
                # The arguments of a node whose class the reader of skops' schemas judges.
                inside = inside and not (name == "__reduce__" and _NODE.issubset(value))
                label = "weight_map" if index else name if name in KEYS else key
                if name == "chat_template":
                    label, inside = name, True
                pending.append((f"{path}.{name}", label if inside else name, inside, item))
        elif isinstance(value, list):
            if not data and not chosen and not path.endswith("]") and len(value) <= _SHORT:
                for item in value:
                    if isinstance(item, str):
                        yield from named(blob, path, item)
                        yield from acting(blob, path, item)
            for number, item in reversed(list(enumerate(value))):
                if isinstance(item, str) and "{%" in item:
                    yield TemplateFact(where=blob.where(), source=item)
                if isinstance(item, (dict, list)) or chosen:
                    pending.append((f"{path}[{number}]", key, chosen and _scalar(item), item))


def _scalar(value: object) -> bool:
    return isinstance(value, (str, int, float, bool))


def _templates(blob: Blob, value: Any) -> Iterator[Fact]:
    entries = value if isinstance(value, list) else [value]
    for entry in entries:
        source = entry.get("template") if isinstance(entry, dict) else entry
        if isinstance(source, str):
            yield TemplateFact(where=blob.where(), source=source)
    if isinstance(value, dict):
        for source in value.values():
            if isinstance(source, str):
                yield TemplateFact(where=blob.where(), source=source)


FORMAT = Format(name="json", recognise=recognise, read=read)
