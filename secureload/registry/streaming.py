"""Build a transformers model whose weights are hashed on their way to an accelerator.

Where one accelerator takes the whole model, the weights go there by `streamed.tensors`, and
transformers' own classes build the model from them (`from_pretrained(None, config=...,
state_dict=...)`), with the same renaming, casting and tying as from a folder. `plan` says
when that is possible; everything else is built from a folder of sealed files.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secureload.flow import ArtifactFile, CacheEntry
from secureload.registry.sealed import SealedFolder, rename
from secureload.registry.streamed import tensors

_ELSEWHERE = frozenset(
    {
        *("quantization_config", "distributed_config", "tp_plan", "tp_size", "device_mesh"),
        *("state_dict", "offload_folder", "adapter_kwargs", "max_memory"),
    }
)
"""Arguments whose work needs the files themselves."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The device, and the weight files that are streamed to it instead of being sealed."""

    device: Any
    weights: tuple[ArtifactFile, ...]


def plan(entry: CacheEntry, kwargs: Mapping[str, Any]) -> Plan | None:
    """How to stream this model's weights to a device, or None where they cannot be."""
    device = _one_accelerator(kwargs.get("device_map"))
    if device is None or any(kwargs.get(name) for name in _ELSEWHERE):
        return None
    files = {file.path: file for file in entry.files}
    if f"{_inside(kwargs)}adapter_config.json" in files:
        return None
    names = _candidates(_inside(kwargs), kwargs.get("variant"), files)
    return Plan(device=device, weights=tuple(files[name] for name in names)) if names else None


def build(
    auto: Any, entry: CacheEntry, steps: Plan, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any | None:
    """Build the model on its device; None where its class has a loader of its own.

    Raises:
        IntegrityError: a file has other bytes than were admitted; nothing was built.
    """
    folder = SealedFolder(entry, leave=[file.path for file in steps.weights])
    try:
        made = _configured(auto, folder.path, kwargs)
        if made is None:
            return None
        model_class, config, options = made
        files = {file.path: file for file in steps.weights}
        chosen = _chosen(folder.path, _inside(kwargs), kwargs.get("variant"), files)
        if not chosen:
            return None
        weights = _Weights(entry.path, [files[name] for name in chosen], steps.device)
        built = model_class.from_pretrained(
            None, *args, config=config, state_dict=weights, **options
        )
        model = built[0] if isinstance(built, tuple) else built
        for holder in (model, model.config):
            if "name_or_path" in vars(holder) or holder is model.config:
                holder.name_or_path = str(entry.path)
        if model.can_generate() and options.get("generation_config") is None:
            _generation(model, folder.path, _subfolder(kwargs))
        rename(built, folder.path, entry.path)
        return built
    finally:
        folder.close()


class _Weights(dict[str, Any]):
    """A state dict that reads the files when it is first looked into.

    By then transformers has reserved the device's memory, which the tensors then use.
    """

    def __init__(self, folder: Path, files: Iterable[ArtifactFile], device: Any) -> None:
        super().__init__()
        self._folder, self._device, self._pending = folder, device, list(files)

    def _read(self) -> None:
        while self._pending:
            file = self._pending.pop()
            self.update(tensors(self._folder / file.path, file, self._device))

    def items(self) -> Any:
        self._read()
        return super().items()

    def values(self) -> Any:
        self._read()
        return super().values()

    def keys(self) -> Any:
        self._read()
        return super().keys()

    def __iter__(self) -> Iterator[str]:
        self._read()
        return super().__iter__()

    def __len__(self) -> int:
        self._read()
        return super().__len__()

    def __contains__(self, name: object) -> bool:
        self._read()
        return super().__contains__(name)

    def __getitem__(self, name: str) -> Any:
        self._read()
        return super().__getitem__(name)


def _configured(
    auto: Any, folder: Path, kwargs: Mapping[str, Any]
) -> tuple[Any, Any, dict[str, Any]] | None:
    """The class, its configuration and what arguments are left, as the `Auto*` class has them."""
    from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel
    from transformers.models.auto.auto_factory import _get_model_class

    options = dict(kwargs)
    hub = {name: options.pop(name) for name in ("local_files_only", "subfolder") if name in options}
    for name in ("variant", "use_safetensors", "adapter_kwargs"):
        options.pop(name, None)
    config = options.pop("config", None)
    if not isinstance(config, PreTrainedConfig):
        given = {name: options[name] for name in ("dtype", "torch_dtype") if options.get(name)}
        for name in [name for name, value in given.items() if value == "auto"]:
            options.pop(name)  # it means nothing to a configuration
        config, options = AutoConfig.from_pretrained(
            str(folder), return_unused_kwargs=True, **hub, **options
        )
        options |= given
    if getattr(config, "quantization_config", None) or type(config) not in auto._model_mapping:
        return None
    model_class = _get_model_class(config, auto._model_mapping)
    own = getattr(model_class.from_pretrained, "__func__", None)
    if own is not PreTrainedModel.from_pretrained.__func__:
        return None
    if getattr(type(config), "extra_files", ()) or not model_class.__module__.startswith(
        "transformers."
    ):
        return None
    text = config.sub_configs.get("text_config", None)
    if text is not None and getattr(model_class, "config_class", None) == text:
        config = config.get_text_config()
    return model_class, config, {**options, "local_files_only": True}


def _generation(model: Any, folder: Path, subfolder: str) -> None:
    """Give the model the settings for generation that lie beside its weights."""
    nothing = dict.fromkeys(("cache_dir", "proxies", "token", "revision"))
    model.adjust_generation_fn(
        None, True, None, str(folder), **nothing, force_download=False, local_files_only=True,
        subfolder=subfolder, trust_remote_code=False,
    )  # fmt: skip


def _one_accelerator(device_map: Any) -> Any | None:
    """The `torch.device` that a device map puts everything on, if that is a CUDA device."""
    import torch

    if isinstance(device_map, Mapping):
        device_map = device_map.get("") if len(device_map) == 1 else None
    if isinstance(device_map, bool) or device_map is None:
        return None
    if isinstance(device_map, int):
        device_map = f"cuda:{device_map}"
    if device_map == "cuda":
        device_map = f"cuda:{int(os.environ.get('LOCAL_RANK', 0))}"  # as transformers reads it
    try:
        device = torch.device(device_map)
    except (RuntimeError, TypeError):
        return None  # `auto`, `balanced`: several devices
    if device.type != "cuda" or not torch.cuda.is_available():
        return None
    index = torch.cuda.current_device() if device.index is None else device.index
    return torch.device("cuda", index) if index < torch.cuda.device_count() else None


def _subfolder(kwargs: Mapping[str, Any]) -> str:
    return str(kwargs.get("subfolder") or "").strip("/")


def _inside(kwargs: Mapping[str, Any]) -> str:
    """The beginning that paths in the wanted folder have."""
    subfolder = _subfolder(kwargs)
    return f"{subfolder}/" if subfolder else ""


def _candidates(inside: str, variant: Any, files: Iterable[str]) -> list[str]:
    """The weight files that transformers might take: one, or shards."""
    dot = re.escape(f".{variant}" if variant else "")
    name = re.compile(rf"{re.escape(inside)}model(?:{dot})?(?:-\d+-of-\d+)?(?:{dot})?\.safetensors")
    return sorted(path for path in files if name.fullmatch(path))


def _chosen(folder: Path, inside: str, variant: Any, there: Iterable[str]) -> list[str]:
    """Those it does take; an index counts by its sealed bytes. Empty where it must look itself."""
    dot = f".{variant}" if variant else ""
    single = f"{inside}model{dot}.safetensors"
    names = frozenset(there)
    if single in names:
        return [single]
    index = folder / f"{inside}model.safetensors.index{dot}.json"
    if not index.is_file():
        return []
    document = json.loads(index.read_text("utf-8"))
    shards = sorted({f"{inside}{name}" for name in document["weight_map"].values()})
    return shards if all(name in names for name in shards) else []
