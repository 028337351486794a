"""The route to an accelerator, with the CPU standing in for it where none is needed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from secureload.errors import IntegrityError
from secureload.flow import CacheEntry
from secureload.registry import streaming
from tests.secureload.registry import hashed

FIXTURES = Path(__file__).parents[2] / "fixtures"
GPT2 = FIXTURES / "gpt2-lm"
SAFE = {"local_files_only": True, "trust_remote_code": False, "device_map": "cpu"}


@pytest.fixture(autouse=True)
def cpu_for_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    def only(device_map: Any) -> Any:
        return torch.device("cpu") if device_map in ("cpu", {"": "cpu"}) else None

    monkeypatch.setattr(streaming, "_one_accelerator", only)


def built(auto: Any, entry: CacheEntry, **kwargs: Any) -> Any:
    passed = SAFE | kwargs
    steps = streaming.plan(entry, passed)
    assert steps is not None
    return streaming.build(auto, entry, steps, (), passed)


@pytest.mark.parametrize("form", ["pt-zip", "pt-sharded", "safetensors-sharded"])
def test_a_model_is_what_transformers_builds(form: str, tmp_path: Path) -> None:
    entry = hashed.admitted(GPT2 / form, tmp_path)
    ours = built(transformers.AutoModelForCausalLM, entry)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(GPT2 / "safetensors")
    assert hashed.same(ours, theirs)
    assert ours.name_or_path == ours.config.name_or_path == str(entry.path)
    assert ours.generation_config.to_dict() == theirs.generation_config.to_dict()
    asked = torch.tensor([[5, 6, 7]])
    options = {"max_new_tokens": 5, "do_sample": False, "pad_token_id": 0}
    assert torch.equal(ours.generate(asked, **options), theirs.generate(asked, **options))


def test_dtype_loading_info_and_config_values_pass_through(tmp_path: Path) -> None:
    entry = hashed.admitted(GPT2 / "pt-zip", tmp_path)
    ours, info = built(
        transformers.AutoModelForCausalLM,
        entry,
        dtype=torch.bfloat16,
        output_loading_info=True,
        attn_pdrop=0.5,
    )
    theirs, other = transformers.AutoModelForCausalLM.from_pretrained(
        GPT2 / "safetensors", dtype=torch.bfloat16, output_loading_info=True
    )
    assert hashed.same(ours, theirs)
    assert info == other
    assert ours.config.attn_pdrop == 0.5


def test_a_configuration_object_is_taken(tmp_path: Path) -> None:
    entry = hashed.admitted(GPT2 / "pt-zip", tmp_path)
    config = transformers.AutoConfig.from_pretrained(GPT2 / "safetensors", attn_pdrop=0.25)
    ours = built(transformers.AutoModelForCausalLM, entry, config=config)
    assert ours.config.attn_pdrop == 0.25


@pytest.mark.parametrize(
    "name", ["config.json", "model-00002-of-00003.safetensors", "model.safetensors.index.json"]
)
def test_a_changed_file_stops_the_build(name: str, tmp_path: Path) -> None:
    entry = hashed.admitted(GPT2 / "safetensors-sharded", tmp_path)
    hashed.flip(entry.path / name)
    with pytest.raises(IntegrityError, match=name):
        built(transformers.AutoModelForCausalLM, entry)


@pytest.mark.parametrize(
    "arguments",
    [
        {"device_map": "auto"},
        {"device_map": None},
        {"quantization_config": {"quant_method": "hqq"}},
        {"tp_plan": "auto"},
    ],
    ids=str,
)
def test_what_needs_the_files_is_not_streamed(arguments: dict[str, Any], tmp_path: Path) -> None:
    entry = hashed.admitted(GPT2 / "pt-zip", tmp_path)
    assert streaming.plan(entry, SAFE | arguments) is None


def test_a_model_with_an_adapter_or_without_weights_is_not_streamed(tmp_path: Path) -> None:
    entry = hashed.admitted(GPT2 / "pt-zip", tmp_path)
    config = next(file for file in entry.files if file.path == "config.json")
    adapter = dataclasses.replace(config, path="adapter_config.json")
    assert streaming.plan(dataclasses.replace(entry, files=(*entry.files, adapter)), SAFE) is None
    assert streaming.plan(dataclasses.replace(entry, files=(config,)), SAFE) is None


def test_a_class_with_a_loader_of_its_own_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = hashed.admitted(GPT2 / "pt-zip", tmp_path)

    def own(cls: Any, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("not called here")

    monkeypatch.setattr(transformers.GPT2LMHeadModel, "from_pretrained", classmethod(own))
    assert built(transformers.AutoModelForCausalLM, entry) is None
