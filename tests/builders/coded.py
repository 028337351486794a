"""Tiny models whose class and configuration lie in the repository as Python."""

from __future__ import annotations

import json
from pathlib import Path

import torch

CONFIGURATION = """\
from transformers import PretrainedConfig


class CodedConfig(PretrainedConfig):
    model_type = "coded"

    def __init__(self, size=4, **kwargs):
        self.size = size
        super().__init__(**kwargs)
"""
LAYERS = """\
import torch


def scale():
    return 3.0
"""
MODELING = """\
import torch
from transformers import PreTrainedModel

from .configuration_coded import CodedConfig
from .layers import scale


class CodedModel(PreTrainedModel):
    config_class = CodedConfig

    def __init__(self, config):
        super().__init__(config)
        self.linear = torch.nn.Linear(config.size, config.size)
        self.post_init()

    def forward(self, x):
        return self.linear(x) * scale()
"""
NAMES = {
    "AutoConfig": "configuration_coded.CodedConfig",
    "AutoModel": "modeling_coded.CodedModel",
}


def coded(folder: Path, **changes: str) -> Path:
    """Write the model; `changes` are further or other files, by name with `__` for the dot."""
    folder.mkdir(parents=True)
    config = {
        "model_type": "coded",
        "size": 4,
        "dtype": "float32",
        "architectures": ["CodedModel"],
        "auto_map": NAMES,
    }
    (folder / "config.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    state = torch.nn.Linear(4, 4).state_dict()
    torch.save(
        {f"linear.{name}": value for name, value in state.items()}, folder / "pytorch_model.bin"
    )
    files = {
        "configuration_coded.py": CONFIGURATION,
        "layers.py": LAYERS,
        "modeling_coded.py": MODELING,
    }
    for name, text in {**files, **changes}.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder
