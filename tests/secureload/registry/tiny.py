"""A tiny random checkpoint for any `Auto*` model class, saved and loaded by transformers itself."""

from __future__ import annotations

import contextlib
import functools
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file
from transformers.models.auto.auto_factory import _BaseAutoModelClass
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

_SMALL = {
    **dict.fromkeys(("hidden_size", "d_model", "dim", "n_embd", "embed_dim"), 16),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers"), 2),
    **dict.fromkeys(("encoder_layers", "decoder_layers"), 1),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads"), 2),
    **dict.fromkeys(("num_key_value_heads", "encoder_attention_heads"), 2),
    **dict.fromkeys(("decoder_attention_heads",), 2),
    **dict.fromkeys(("intermediate_size", "hidden_dim", "d_ff", "encoder_ffn_dim"), 24),
    **dict.fromkeys(("decoder_ffn_dim",), 24),
    **dict.fromkeys(("d_kv", "head_dim"), 8),
    **dict.fromkeys(("vocab_size",), 99),
    **dict.fromkeys(("max_position_embeddings",), 64),
}
_SIZES = (3_000_000, 60_000_000)
"""Parameters accepted in a first search, and in a second when that finds nothing."""


def _detr() -> Any:
    backbone = transformers.ResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 8, 16, 16],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    heads = dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 8)
    layers = dict.fromkeys(("encoder_layers", "decoder_layers"), 1)
    own = {"use_timm_backbone": False, "backbone": None, "backbone_config": backbone}
    return transformers.DetrConfig(d_model=16, num_queries=4, **heads, **layers, **own)


def _vit(model_type: str, **changes: Any) -> Any:
    return CONFIG_MAPPING[model_type](
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, **changes
    )


def _vitpose() -> Any:
    small = {"image_size": [32, 32], "patch_size": [8, 8], "out_indices": [2]}
    return transformers.VitPoseConfig(backbone_config=_vit("vitpose_backbone", **small))


def _vitmatte() -> Any:
    small = {"image_size": 32, "pretrain_image_size": 32, "patch_size": 8, "num_channels": 4}
    return transformers.VitMatteConfig(
        backbone_config=_vit("vitdet", out_features=["stage2"], **small),
        hidden_size=16,
        convstream_hidden_sizes=[4, 8, 8],
        fusion_hidden_sizes=[16, 8, 8, 4],
    )


def _sapiens2() -> Any:
    channels = ("upsample_out_channels", "conv_out_channels", "scale_conv_out_channels")
    head = {
        **{name: [16] for name in channels},
        **{name: [1] for name in ("conv_kernel_sizes", "scale_conv_kernel_sizes")},
        "scale_final_hidden_sizes": [16, 16],
        "upsample_kernel_sizes": [4],
        "scale_final_input_size": 16 * 14 * 14,
    }
    return _vit(
        "sapiens2",
        head_config=head,
        intermediate_size=24,
        num_key_value_heads_per_layer=[2, 2],
        num_key_value_attention_heads=2,
        num_first_full_attention_layers=1,
        num_last_full_attention_layers=1,
    )


def _jev() -> Any:
    text = {
        **dict.fromkeys(("hidden_size", "intermediate_size"), 16),
        **dict.fromkeys(("num_attention_heads", "num_key_value_heads", "num_hidden_layers"), 2),
        **dict.fromkeys(("linear_num_key_heads", "linear_num_value_heads"), 2),
        **dict.fromkeys(("head_dim", "linear_key_head_dim", "linear_value_head_dim"), 8),
        "layer_types": ["linear_attention", "full_attention"],
        "vocab_size": 99,
    }
    return CONFIG_MAPPING["jev"](hidden_size=16, text_config=text)


def _vits() -> Any:
    return transformers.VitsConfig(
        **dict.fromkeys(("hidden_size", "ffn_dim", "flow_size", "upsample_initial_channel"), 16),
        **dict.fromkeys(("num_hidden_layers", "num_attention_heads"), 2),
        duration_predictor_filter_channels=8,
        spectrogram_bins=9,
        upsample_rates=[2, 2],
        upsample_kernel_sizes=[4, 4],
        resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1]],
    )


_READY = ("bert", "beit", "clip", "vit", "gpt2", "bart", "sam", "vits")
"""Architectures that are small at once; trying them first saves time."""

_BY_HAND = {
    "jev": _jev,
    "detr": _detr,
    "sapiens2": _sapiens2,
    "vitmatte": _vitmatte,
    "vitpose": _vitpose,
}
"""Architectures whose default configuration cannot be made tiny by numbers alone."""


@dataclass(frozen=True, kw_only=True)
class Tiny:
    """What transformers itself loads from a checkpoint: the folder, the model, what is new."""

    folder: Path
    model: Any
    missing: frozenset[str]

    def legacy(self, folder: Path) -> None:
        """Write the same checkpoint as a pickle."""
        folder.mkdir()
        for path in self.folder.iterdir():
            if path.suffix == ".json":
                (folder / path.name).write_bytes(path.read_bytes())
        torch.save(load_file(self.folder / "model.safetensors"), folder / "pytorch_model.bin")


@functools.cache
def tiny_model(auto: str) -> Tiny:
    """Make the first architecture of the class that transformers can save and load again.

    Raises:
        LookupError: none builds here, for want of size or of an optional library.
    """
    cls = getattr(transformers, auto)
    errors = []
    for most in _SIZES:
        for model_type in sorted(cls._model_mapping._model_mapping, key=_readiness):
            for config in _configs(model_type):
                try:
                    return _saved_and_loaded(cls, config, most)
                except Exception as error:  # an optional library, a size that does not divide
                    errors.append(f"{model_type}: {error}")
    raise LookupError(f"{auto}: " + "\n".join(errors))


def _saved_and_loaded(cls: Any, config: Any, most: int) -> Tiny:
    with torch.device("meta"):
        size = sum(p.numel() for p in cls.from_config(config).parameters())
    if size > most:
        raise ValueError(f"{size:,} parameters")
    torch.manual_seed(0)
    made = cls.from_config(config)
    folder = Path(tempfile.mkdtemp(prefix="tiny-"))
    made.save_pretrained(folder, max_shard_size="10GB")
    # The backbone class's own from_pretrained asks a hub; the others do what its base does.
    load = functools.partial(_BaseAutoModelClass.from_pretrained.__func__, cls)
    loaded, info = load_with_info(load, folder)
    if info["mismatched_keys"] or info["unexpected_keys"]:
        raise ValueError(f"not loaded as saved: {info}")
    if len(info["missing_keys"]) * 2 >= len(loaded.state_dict()):
        raise ValueError(f"mostly missing: {info}")
    return Tiny(folder=folder, model=loaded, missing=frozenset(info["missing_keys"]))


def load_with_info(load: Callable[..., Any], folder: Path) -> tuple[Any, dict[str, Any]]:
    """Load a model and its loading info; the classes for decisions cannot give the latter."""
    try:
        model, info = load(str(folder), output_loading_info=True)
    except AttributeError:
        model = load(str(folder))
        info = {"missing_keys": set(), "unexpected_keys": set(), "mismatched_keys": set()}
    return model, info


def _readiness(model_type: str) -> int:
    return _READY.index(model_type) if model_type in _READY else len(_READY)


def _configs(model_type: str) -> Iterator[Any]:
    if model_type in _BY_HAND:
        yield _BY_HAND[model_type]()
    for change in (_shrunk, lambda config: config):
        with contextlib.suppress(Exception):  # a configuration that cannot be empty, or shrunk
            yield change(CONFIG_MAPPING[model_type]())


def _shrunk(config: Any, depth: int = 0) -> Any:
    for name, value in _SMALL.items():
        if type(getattr(config, name, None)) is int:
            with contextlib.suppress(Exception):  # one that others must agree with stays
                setattr(config, name, value)
    for name in config.sub_configs:
        inner = getattr(config, name, None)
        if inner is not None and depth < 3:
            _shrunk(inner, depth + 1)
    return config
