"""A model folder that would make the loading library leave it: refused, or the lead is gone.

In each case the folder is a good model with one thing added that transformers follows by
itself. What lies outside is a checkpoint that leaves a mark when it is unpickled, a module
that leaves one when it is imported, or a repository of a hub that counts its requests.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import secureload
from secureload.errors import ConversionError, Refused, SecureloadError, SourceError
from tests.builders import models
from tests.servers.hub import LocalHub

FIXTURES = Path(__file__).parents[1] / "fixtures"
DISTILBERT = FIXTURES / "distilbert-sequence"

_LEADS_OUT = {
    "transformers_weights",
    "auto_map",
    "custom_pipelines",
    "attn_implementation",
    "_attn_implementation",
    "_attn_implementation_internal",
    "_experts_implementation",
    "trust_remote_code",
    "configuration_files",
}
"""Keys that transformers follows by itself; an admitted configuration has none of them."""


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "executed"


@pytest.fixture
def folder(tmp_path: Path, marker: Path) -> Path:
    """A good model; outside it, in reach of `../outside`, everything that it should not see."""
    shutil.copytree(DISTILBERT / "safetensors", tmp_path / "model")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "weights.bin").write_bytes(models.hostile_zip(f"touch {marker}"))
    weights = load_file(DISTILBERT / "safetensors" / "model.safetensors")
    other = {name: torch.zeros_like(value) for name, value in weights.items()}
    save_file(other, outside / "other.safetensors", metadata={"format": "pt"})
    return tmp_path / "model"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    with LocalHub(root=tmp_path / "hub") as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        for module in ("huggingface_hub.constants", "transformers.utils.hub"):
            monkeypatch.setattr(f"{module}.ENDPOINT", hub.url, raising=False)
        yield hub


def edit(path: Path, **changes: Any) -> None:
    document = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**document, **changes}))


def loads_as_recorded(folder: Path, marker: Path) -> None:
    """Load through the gate; the model must answer as it did when it was recorded."""
    model = secureload.AutoModelForSequenceClassification.from_pretrained(folder)
    tensors = load_file(DISTILBERT / "expected.safetensors")
    with torch.no_grad():
        made = model.eval()(
            input_ids=tensors["input.input_ids"], attention_mask=tensors["input.attention_mask"]
        ).logits
    torch.testing.assert_close(made, tensors["pytorch.logits"], atol=1e-5, rtol=1e-5)
    assert not marker.exists()


def is_refused(folder: Path, marker: Path, error: type[SecureloadError], *rules: str) -> None:
    """Loading through the gate ends in this error, and for these rules among others."""
    with pytest.raises(error) as refused:
        secureload.AutoModelForSequenceClassification.from_pretrained(folder)
    if isinstance(refused.value, Refused):
        assert set(rules) <= refused.value.verdict.rules
    assert not marker.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"transformers_weights": "adapter_model.bin"},
        {"transformers_weights": "../outside/other.safetensors"},
        {"auto_map": {"AutoConfig": "code.Config", "AutoModel": "code.Model"}},
        {"auto_map": {"AutoModelForSequenceClassification": "org/other--code.Model"}},
        {"custom_pipelines": {"text-classification": {"impl": "code.Pipeline"}}},
        {"_attn_implementation": "org/kernel"},
        {"attn_implementation": "org/kernel:function"},
        {"_attn_implementation_internal": "org/kernel"},
        {"_experts_implementation": "org/kernel"},
        {"trust_remote_code": True},
        {"configuration_files": ["../outside/config.4.0.0.json"]},
    ],
    ids=str,
)
def test_a_config_that_leads_out_is_not_followed(
    changes: dict[str, Any], folder: Path, marker: Path, hub: LocalHub
) -> None:
    shutil.copy(folder.parent / "outside" / "weights.bin", folder.parent / "adapter_model.bin")
    edit(folder / "config.json", **changes)
    loads_as_recorded(folder, marker)
    kept = json.loads((secureload.admit(folder).path / "config.json").read_text())
    assert not kept.keys() & _LEADS_OUT
    assert hub.count() == 0


@pytest.mark.parametrize("method", ["eetq", "metal"])
def test_a_quantisation_that_fetches_kernels_is_refused(
    method: str, folder: Path, marker: Path, hub: LocalHub
) -> None:
    edit(folder / "config.json", quantization_config={"quant_method": method})
    is_refused(folder, marker, ConversionError)
    assert hub.count() == 0


def test_a_config_that_names_code_still_loads_with_the_built_in_class(
    folder: Path, marker: Path
) -> None:
    edit(folder / "config.json", auto_map={"AutoConfig": "code.Config"})
    loads_as_recorded(folder, marker)


def test_an_unknown_architecture_with_code_is_an_error_and_the_code_does_not_run(
    folder: Path, marker: Path
) -> None:
    edit(folder / "config.json", model_type="new", auto_map={"AutoConfig": "code.Config"})
    (folder / "code.py").write_text(f"open({str(marker)!r}, 'w')")
    with pytest.raises((SecureloadError, ValueError)):
        secureload.AutoConfig.from_pretrained(folder)
    assert not marker.exists()


@pytest.mark.parametrize(
    "shard", ["../outside/other.safetensors", "../outside/weights.bin", "/etc/passwd", "{outside}"]
)
def test_an_index_that_leaves_the_folder_is_refused(shard: str, folder: Path, marker: Path) -> None:
    names = load_file(folder / "model.safetensors")
    shard = shard.replace("{outside}", str(folder.parent / "outside" / "other.safetensors"))
    (folder / "model.safetensors").unlink()
    edit(folder / "model.safetensors.index.json", weight_map=dict.fromkeys(names, shard))
    is_refused(folder, marker, Refused, "index-leaves-folder")


def test_an_index_that_calls_a_pickle_safetensors_is_refused(folder: Path, marker: Path) -> None:
    names = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    shutil.copy(folder.parent / "outside" / "weights.bin", folder / "pytorch_model.bin")
    weight_map = dict.fromkeys(names, "pytorch_model.bin")
    edit(folder / "model.safetensors.index.json", weight_map=weight_map)
    is_refused(folder, marker, Refused, "index-leaves-folder")


@pytest.mark.parametrize("linked", ["model.safetensors", "config.json"])
def test_a_link_out_of_the_folder_is_refused(linked: str, folder: Path, marker: Path) -> None:
    shutil.move(folder / linked, folder.parent / "secret")
    (folder / linked).symlink_to("../secret")
    is_refused(folder, marker, SourceError)


def test_a_shard_name_that_takes_over_does_not_decide_what_loads(
    folder: Path, marker: Path
) -> None:
    taken = folder / "shard-00001-model-00001-of-00001.safetensors"
    shutil.copy(folder.parent / "outside" / "other.safetensors", taken)
    loads_as_recorded(folder, marker)
    assert not (secureload.admit(folder).path / taken.name).exists()


def test_code_for_generation_does_not_run(folder: Path, marker: Path) -> None:
    (folder / "custom_generate").mkdir()
    (folder / "custom_generate" / "generate.py").write_text(f"open({str(marker)!r}, 'w')")
    loads_as_recorded(folder, marker)
    assert not (secureload.admit(folder).path / "custom_generate").exists()


@pytest.mark.parametrize("name", ["spk_dict.pt", "adapter.eng.bin", "training_args.bin"])
def test_a_pickle_beside_the_weights_is_not_loaded(name: str, folder: Path, marker: Path) -> None:
    shutil.copy(folder.parent / "outside" / "weights.bin", folder / name)
    loads_as_recorded(folder, marker)
    assert not (secureload.admit(folder).path / name).exists()


def test_an_adapter_beside_the_model_is_not_unpickled(folder: Path, marker: Path) -> None:
    edit(folder / "adapter_config.json", base_model_name_or_path="org/base", peft_type="LORA")
    shutil.copy(folder.parent / "outside" / "weights.bin", folder / "adapter_model.bin")
    is_refused(folder, marker, Refused, "runs-shell")


def test_an_audio_tokenizer_from_elsewhere_is_not_fetched(
    tmp_path: Path, marker: Path, hub: LocalHub
) -> None:
    processor = tmp_path / "processor"
    shutil.copytree(FIXTURES / "wav2vec2-ctc" / "processor", processor)
    foreign = {"audio_tokenizer_class": "DacModel", "audio_tokenizer_name_or_path": "org/dac"}
    edit(processor / "processor_config.json", audio_tokenizer=foreign)
    made = secureload.AutoProcessor.from_pretrained(processor)
    assert type(made).__name__ == "Wav2Vec2Processor"
    (processor / "audio_tokenizer_config.json").write_text(json.dumps(foreign))
    with pytest.raises(SecureloadError):
        secureload.AutoProcessor.from_pretrained(processor)
    assert hub.count() == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"vocab_file": "/etc/passwd"},
        {"fast_tokenizer_files": ["../../etc/tokenizer.4.0.0.json"]},
        {"auto_map": {"AutoTokenizer": ["code.Slow", "code.Fast"]}},
    ],
    ids=str,
)
def test_a_tokenizer_config_that_leads_out_is_not_followed(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    tokenizer = tmp_path / "tokenizer"
    shutil.copytree(DISTILBERT / "processor", tokenizer)
    theirs = secureload.AutoTokenizer.from_pretrained(tokenizer)("A hobbit-hole.")
    edit(tokenizer / "tokenizer_config.json", **changes)
    assert secureload.AutoTokenizer.from_pretrained(tokenizer)("A hobbit-hole.") == theirs


def test_a_backbone_from_another_repository_is_refused(
    folder: Path, marker: Path, hub: LocalHub
) -> None:
    edit(folder / "config.json", backbone="org/backbone", use_pretrained_backbone=True)
    is_refused(folder, marker, ConversionError)
    assert hub.count() == 0
