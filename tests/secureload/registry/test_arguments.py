"""Arguments pass through, but those that the gate answers and those that lead elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from secureload.errors import UsageError
from secureload.registry.arguments import checked


@pytest.mark.parametrize(
    "arguments",
    [
        {"torch_dtype": "auto", "device_map": "cpu", "unknown": {"a": 1}},
        {"subfolder": "unet/part"},
        {"attn_implementation": {"text_config": "eager"}},
        {"quantization_config": {"quant_method": "bitsandbytes"}},
        {"backbone": "resnet18"},
    ],
    ids=str,
)
def test_what_stays_in_the_folder_passes(arguments: dict[str, Any]) -> None:
    assert checked("AutoModel", dict(arguments)) == arguments


def test_what_the_gate_answers_is_dropped() -> None:
    asked = {"revision": "v1", "token": "x", "from_tf": True, "trust_remote_code": True}
    nothing = {"gguf_file": None, "use_kernels": False, "subfolder": None}
    assert checked("AutoModel", {**asked, **nothing, "output_attentions": True}) == {
        "output_attentions": True
    }


def test_of_an_adapter_only_its_folder_is_taken() -> None:
    adapter = {"subfolder": "lora", "revision": "x", "_adapter_model_path": "org/x"}
    assert checked("AutoModel", {"adapter_kwargs": adapter}) == {
        "adapter_kwargs": {"subfolder": "lora"}
    }


@pytest.mark.parametrize(
    "arguments",
    [
        {"gguf_file": "x.gguf"},
        {"_anything": 1},
        {"subfolder": "a/../../b"},
        {"subfolder": "c:\\x"},
        {"backbone": "org/backbone"},
        {"attn_implementation": {"": "org/kernel"}},
        {"experts_implementation": "deepgemm"},
        {"quantization_config": {"quant_method": "fbgemm_fp8"}},
        {"audio_tokenizer": "org/dac"},
    ],
    ids=str,
)
def test_what_leads_elsewhere_is_refused_by_its_name(arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(arguments))):
        checked("AutoModel", arguments)
