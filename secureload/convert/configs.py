"""Take out of a configuration file what would lead the loading library out of the folder.

A model folder's JSON files may name code (`auto_map`), kernels from a hub
(`_attn_implementation: "org/kernel"`), files elsewhere (`transformers_weights`, an index
entry `../x`) or other repositories (`audio_tokenizer_name_or_path`). The library follows
such names without asking. `scrub` removes those the model can do without and refuses those
it cannot; every other byte stays as it was. The keys were collected from the source of
transformers 5 and peft, wherever they open a file, ask a hub or import a module.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

from scanner.patterns import pattern
from secureload.errors import ConversionError

MENDS: frozenset[str] = frozenset({"config-names-code", "config-leaves-folder"})
"""Scanner rules whose findings no longer hold for a scrubbed file."""

_VOCABULARIES = (
    "tokenizer.json",
    "*vocab*.json",
    "added_tokens.json",
    "special_tokens_map.json",
    "tekken.json",
    "merges*.json",
)
"""JSON files that hold data only; libraries look up no settings in them."""

_CONFIGS = ("*config*.json", "model_index.json", "modules.json")
"""JSON files that must parse, because a library will parse them."""

_NAMES_CODE = frozenset(
    {"auto_map", "custom_pipelines", "custom_pipeline", "custom_generate", "auto_mapping"}
)
_NAMES_KERNELS = frozenset(
    {
        "attn_implementation",
        "_attn_implementation",
        "_attn_implementation_internal",
        "experts_implementation",
        "_experts_implementation",
        "_experts_implementation_internal",
        "fusion_config",
        "kernel_config",
    }
)
_NAMES_ELSEWHERE = frozenset(
    {
        "transformers_weights",
        "audio_tokenizer",
        "trust_remote_code",
        "repo_path",
        "class_info_file",
        "index_path",
        "passages_path",
        "tokenizer_name_or_path",
        "tokenizer_kwargs",
        "prompt_tuning_init_state_dict_path",
        "shadow_model",
        "covariance_file",
        "cache_file",
    }
)
_TIMM_ARGUMENTS = frozenset(
    {"pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir"}
)
"""Arguments of `timm.create_model` that fetch or read weights."""

_QUANTIZATIONS = frozenset(
    {
        *("aqlm", "auto-round", "awq", "bitnet", "bitsandbytes", "bitsandbytes_4bit"),
        *("bitsandbytes_8bit", "compressed-tensors", "fouroversix", "fp8", "fp_quant", "gemma"),
        *("gptq", "higgs", "hqq", "mxfp4", "mxfp8", "nvfp4", "quanto", "quark", "sinq", "spqr"),
        *("torchao", "vptq"),
    }
)
"""Quantisation methods that work from the folder and installed packages alone."""

_FILE_KEY = pattern(r"(?:^|_)(?:file|path|font|dir)$")
_INFORMATIVE = frozenset({"_name_or_path", "name_or_path", "base_model_name_or_path"})
"""Where a model came from; loaders open nothing by it. (The gate follows an adapter's base.)"""
_FILE_LIST_KEYS = frozenset({"configuration_files", "fast_tokenizer_files"})
_PLAIN_NAME = pattern(r"[^\s/\\:\x00-\x1f][^/\\:\x00-\x1f]*")
_IDENTIFIER = pattern(r"[A-Za-z_]\w*")
_TAKES_OVER = pattern(r"shard-\d+-model-\d+-of-\d+\.safetensors")


def takes_over(name: str) -> str | None:
    """Say why a file of this name must not be in a model folder, or None when it may.

    A distributed-checkpoint shard is preferred to `model.safetensors` by the loader, so the
    weights that load would not be those that were named.
    """
    base = name.rpartition("/")[2]
    if _TAKES_OVER.fullmatch(base):
        return "is a distributed-checkpoint shard, which replaces model.safetensors on loading"
    if f"/{name}".endswith("/custom_generate/generate.py"):
        return "is code that replaces `generate`"
    return None


def scrub(name: str, data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return a file's safe bytes and one note for each thing taken out.

    `name` is the path in the model folder. A file that needs nothing is returned as the very
    object given.

    Raises:
        ConversionError: the file is not valid JSON, or names something elsewhere that the
            model cannot do without.
    """
    base = name.rpartition("/")[2].lower()
    if not base.endswith(".json"):
        return data, ()
    if base.endswith(".index.json"):
        _check_index(name, _parse(name, data)[0])
        return data, ()
    if any(fnmatch.fnmatch(base, pattern) for pattern in _VOCABULARIES):
        return data, ()
    try:
        document, repeated = _parse(name, data)
    except ConversionError:
        if any(fnmatch.fnmatch(base, pattern) for pattern in _CONFIGS):
            raise
        return data, ()
    notes = [f"{name}: key `{key}` appears twice: kept its last value" for key in repeated]
    if base == "audio_tokenizer_config.json":
        _refuse(name, "$", "the whole file names another repository")
    _Scrubber(name, base, notes).walk(document)
    if not notes:
        return data, ()
    return (json.dumps(document, indent=2) + "\n").encode(), tuple(notes)


def _parse(name: str, data: bytes) -> tuple[Any, list[str]]:
    repeated: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) < len(items):
            keys = [key for key, _ in items]
            repeated.extend(sorted({key for key in keys if keys.count(key) > 1}))
        return found

    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=pairs), repeated
    except (ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ConversionError(
            f"{name}: not valid JSON: {why}", hint="ask the publisher to repair the file"
        ) from error


def _check_index(name: str, document: Any) -> None:
    """Require that a shard index names only safetensors files beside it."""
    shards = document.get("weight_map") if isinstance(document, dict) else None
    if not isinstance(shards, dict):
        raise ConversionError(f"{name}: no `weight_map`", hint="the shard index is damaged")
    for key, shard in shards.items():
        if (
            not isinstance(shard, str)
            or not _PLAIN_NAME.fullmatch(shard)
            or not shard.endswith(".safetensors")
        ):
            raise ConversionError(
                f"{name}: `{key}` is said to lie in {shard!r}",
                hint="an index may name only .safetensors files in its own folder",
            )


def _refuse(name: str, path: str, why: str) -> NoReturn:
    raise ConversionError(
        f"{name}: {path}: {why}",
        hint="admit that repository by itself and pass its object to from_pretrained",
    )


class _Scrubber:
    """One walk over one document, without recursion; notes what it takes out."""

    def __init__(self, name: str, base: str, notes: list[str]) -> None:
        self._name = name
        self._base = base
        self._notes = notes

    def walk(self, document: Any) -> None:
        pending: list[tuple[str, Any]] = [("$", document)]
        while pending:
            path, node = pending.pop()
            if isinstance(node, list):
                pending.extend((f"{path}[{i}]", item) for i, item in enumerate(node))
            if not isinstance(node, dict):
                continue
            self._backbone(path, node)
            for key in list(node):
                here = _join(path, key)
                why = self._objection(here, key, node[key], path)
                if why:
                    del node[key]
                    self._notes.append(f"{self._name}: {here} removed: {why}")
                else:
                    pending.append((here, node[key]))

    def _objection(self, here: str, key: str, value: Any, parent: str) -> str | None:
        """Why this key must go; None keeps it."""
        # A number names nothing: a label or a token may well be called `auto_map`.
        if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
            return None
        for keys, why in (
            (_NAMES_CODE, "names code"),
            (_NAMES_KERNELS, "may name a kernel to fetch"),
            (_NAMES_ELSEWHERE, "names something outside the folder"),
        ):
            if key in keys:
                return why
        if key == "megatron_core" and value != "megatron.core":
            return "names a module to import"
        if key == "quantization_config":
            self._quantization(here, value)
        if key in _TIMM_ARGUMENTS and parent.endswith((".model_args", ".backbone_kwargs")):
            return "would fetch or read weights elsewhere"
        if key == "architecture" and isinstance(value, str) and _leaves_by_timm(value):
            _refuse(self._name, here, f"the architecture {value!r} is read from elsewhere")
        if key in _FILE_LIST_KEYS and not _all_plain(value):
            return "names a file outside the folder"
        if key == "adapters" and self._base == "adapter_config.json" and value:
            _refuse(self._name, here, "the adapter is a mixture of other repositories")
        names_a_file = _FILE_KEY.search(key) and key not in _INFORMATIVE
        if names_a_file and isinstance(value, str) and _leaves(value):
            return "names a file outside the folder"
        return None

    def _quantization(self, here: str, value: Any) -> None:
        if not isinstance(value, dict):
            _refuse(self._name, here, "not a mapping")
        method = value.get("quant_method")
        if value.get("load_in_8bit") is True or value.get("load_in_4bit") is True:
            method = method or "bitsandbytes"
        if not isinstance(method, str) or method not in _QUANTIZATIONS:
            raise ConversionError(
                f"{self._name}: {here}: the quantisation method {method!r} is not known to "
                "work without code fetched from elsewhere",
                hint="load a checkpoint that is not quantised, or one of: "
                + ", ".join(sorted(_QUANTIZATIONS)),
            )

    def _backbone(self, path: str, node: dict[str, Any]) -> None:
        """A backbone by name: unused beside `backbone_config`, else it must not be a repo."""
        name = node.get("backbone")
        if not isinstance(name, str) or not _leaves_by_timm(name):
            return
        here = _join(path, "backbone")
        if isinstance(node.get("backbone_config"), dict):
            del node["backbone"]
            self._notes.append(f"{self._name}: {here} removed: names another repository")
        else:
            _refuse(self._name, here, f"the backbone comes from another repository, {name!r}")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if _IDENTIFIER.fullmatch(key) else f"{path}[{json.dumps(key)}]"


def _leaves(value: str) -> bool:
    """Tell whether a file name is absolute, climbs, or is a URL."""
    parts = re.split(r"[/\\]", value)
    absolute = value.startswith(("/", "\\", "~")) or bool(re.match(r"[A-Za-z][\w+.-]*:", value))
    return absolute or ".." in parts


def _leaves_by_timm(value: str) -> bool:
    """Tell whether timm or transformers would look for this model on a hub or on disk."""
    return "/" in value or "\\" in value or ":" in value


def _all_plain(value: Any) -> bool:
    plain: Callable[[Any], bool] = lambda item: (  # noqa: E731
        isinstance(item, str) and bool(_PLAIN_NAME.fullmatch(item)) and ".." not in item
    )
    return isinstance(value, list) and all(plain(item) for item in value)
