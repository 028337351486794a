"""A tiny random model for any `Auto*` model class: the first of its architectures that builds."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import save_model
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
_MOST_PARAMETERS = 25_000_000


@dataclass(frozen=True, kw_only=True)
class Tiny:
    """A model with random weights."""

    model: Any

    def save(self, folder: Path, form: str) -> None:
        """Write the configuration, and the weights under the file name `form`."""
        self.model.config.architectures = [type(self.model).__name__]
        self.model.config.save_pretrained(folder)
        if form.endswith(".bin"):
            torch.save(self.model.state_dict(), folder / form)
        else:
            save_model(self.model, str(folder / form), metadata={"format": "pt"})


@functools.cache
def tiny_model(auto: str) -> Tiny:
    """Build the first architecture of the class that is small once its config is shrunk.

    Raises:
        LookupError: none builds here, for want of size or of an optional library.
    """
    cls = getattr(transformers, auto)
    errors = []
    for model_type in cls._model_mapping._model_mapping:
        try:
            config = _shrunk(CONFIG_MAPPING[model_type]())
            with torch.device("meta"):
                size = sum(p.numel() for p in cls.from_config(config).parameters())
            if size <= _MOST_PARAMETERS:
                torch.manual_seed(0)
                return Tiny(model=cls.from_config(config).eval())
            errors.append(f"{model_type}: {size:,} parameters")
        except Exception as error:  # an optional library, a size that does not divide
            errors.append(f"{model_type}: {error}")
    raise LookupError(f"{auto}: {errors}")


def _shrunk(config: Any, depth: int = 0) -> Any:
    for name, value in _SMALL.items():
        if type(getattr(config, name, None)) is int:
            setattr(config, name, value)
    for name in config.sub_configs:
        inner = getattr(config, name, None)
        if inner is not None and depth < 3:
            _shrunk(inner, depth + 1)
    return config
