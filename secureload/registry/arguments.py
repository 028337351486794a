"""Which of a caller's arguments reach transformers: none that asks for more than the folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from secureload.errors import UsageError

_DROPPED = frozenset(
    {
        # Answered by the gate, which fetched and chose the files.
        *("cache_dir", "force_download", "local_files_only", "proxies", "resume_download"),
        *("mirror", "revision", "code_revision", "token", "use_auth_token", "trust_remote_code"),
        # There are only safetensors, whatever the checkpoint was.
        *("from_tf", "from_flax", "use_safetensors", "weights_only"),
        *("_commit_hash", "_from_auto", "_from_pipeline", "_fast_init"),
    }
)
_FORBIDDEN: Mapping[str, str] = {
    "gguf_file": "GGUF files are not loaded here",
    "transformers_weights": "the gate chooses the weight files",
    "custom_generate": "code in a repository is not run",
    "auto_map": "code in a repository is not run",
    "use_kernels": "it fetches compiled code from a hub",
    "kernel_config": "it fetches compiled code from a hub",
    "allow_all_kernels": "it fetches compiled code from a hub",
    "_configuration_file": "the gate chooses the files",
}

_IMPLEMENTATIONS = ("attn_implementation", "experts_implementation")
_KERNEL_NAMES = frozenset({"deepgemm", "deep-gemm", "sonicmoe", "sonic-moe"})
_QUANTIZERS_WITH_KERNELS = frozenset({"eetq", "fbgemm_fp8", "metal", "gguf"})


def checked(class_name: str, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The caller's arguments that may reach transformers.

    Raises:
        UsageError: one asks for something outside the folder.
    """
    passed = {name: value for name, value in kwargs.items() if name not in _DROPPED}
    for name, why in _FORBIDDEN.items():
        if passed.get(name):
            raise UsageError(f"{class_name}: {name}={passed[name]!r} is not accepted: {why}")
        passed.pop(name, None)
    for name in passed:
        if name.startswith("_"):
            raise UsageError(f"{class_name}: {name} is an internal argument of transformers")
    for name in _IMPLEMENTATIONS:
        if name in passed:
            _check_implementation(class_name, name, passed[name])
    _check_quantization(class_name, passed.get("quantization_config"))
    for name in ("backbone", "speaker_embeddings_dict_path", "subfolder"):
        value = passed.get(name)
        if isinstance(value, str) and _leads_out(value, plain=name == "backbone"):
            raise UsageError(
                f"{class_name}: {name}={value!r} leads out of the admitted folder",
                hint="admit what it names by itself and pass the built object",
            )
    if passed.get("audio_tokenizer") is not None and isinstance(passed["audio_tokenizer"], str):
        raise UsageError(
            f"{class_name}: audio_tokenizer names a repository",
            hint="load it through secureload and pass the object",
        )
    adapter = passed.get("adapter_kwargs")
    if isinstance(adapter, Mapping):
        passed["adapter_kwargs"] = {k: adapter[k] for k in ("subfolder",) if k in adapter}
    if passed.get("subfolder") is None:
        passed.pop("subfolder", None)
    return passed


def _check_implementation(class_name: str, name: str, value: Any) -> None:
    for item in value.values() if isinstance(value, Mapping) else (value,):
        if isinstance(item, str) and (_leads_out(item, plain=True) or item in _KERNEL_NAMES):
            raise UsageError(
                f"{class_name}: {name}={item!r} fetches compiled code from a hub",
                hint="use one that is installed: eager, sdpa, flash_attention_2, ...",
            )


def _check_quantization(class_name: str, value: Any) -> None:
    if value is None:
        return
    method = value.get("quant_method") if isinstance(value, Mapping) else None
    method = method or getattr(value, "quant_method", None)
    name = str(getattr(method, "value", method))
    if name in _QUANTIZERS_WITH_KERNELS:
        raise UsageError(
            f"{class_name}: quantization_config: {name} fetches compiled code from a hub",
            hint="use bitsandbytes, torchao, quanto or hqq",
        )


def _leads_out(value: str, *, plain: bool) -> bool:
    if plain:
        return any(mark in value for mark in "/\\:@")
    return value.startswith(("/", "\\", "~")) or ".." in re.split(r"[/\\]", value) or ":" in value
