from __future__ import annotations

import json
import re
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from secureload.errors import IntegrityError, UsageError
from secureload.registry import transformers as library
from secureload.registry.backstop import BackstopError
from tests.secureload.registry.entries import entry_of

FIXTURES = Path(__file__).parents[2] / "fixtures"
DISTILBERT = FIXTURES / "distilbert-sequence" / "safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DISTILBERT, tmp_path / "model"))


def edit(folder: Path, **changes: Any) -> None:
    config = folder / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **changes}))


def test_every_auto_class_of_transformers_is_found() -> None:
    exported = {
        name
        for name, module in transformers._class_to_module.items()
        if module.startswith("models.auto.") and name.startswith("Auto")
    }
    assert exported == set(library.class_names())
    assert {"AutoModel", "AutoBackbone", "AutoTokenizer", "AutoConfig"} <= exported


def test_what_is_built_is_what_transformers_builds() -> None:
    built = library.load("AutoModelForSequenceClassification", entry_of(DISTILBERT))
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(DISTILBERT)
    assert type(built) is type(theirs)
    ours = built.state_dict()
    assert all(torch.equal(value, ours[name]) for name, value in theirs.state_dict().items())


def test_loading_info_dtype_and_unknown_config_values_pass_through() -> None:
    built, info = library.load(
        "AutoModel",
        entry_of(DISTILBERT),
        (),
        {"output_loading_info": True, "dtype": torch.bfloat16, "dropout": 0.25},
    )
    assert built.dtype is torch.bfloat16
    assert built.config.dropout == 0.25
    assert not info["missing_keys"]


def test_unused_arguments_of_a_config_come_back_without_ours() -> None:
    arguments = {"return_unused_kwargs": True, "foo": 1}
    _, unused = library.load("AutoConfig", entry_of(DISTILBERT), (), arguments)
    assert unused == {"foo": 1}


@pytest.mark.parametrize(
    "arguments",
    [
        {"from_tf": True},
        {"from_flax": True},
        {"use_safetensors": False},
        {"weights_only": False},
        {"proxies": {}, "resume_download": True, "mirror": "x", "cache_dir": "/x"},
        {"adapter_kwargs": {"_adapter_model_path": "org/x", "revision": "x"}},
        {"attn_implementation": "eager"},
        {"attn_implementation": {"": "sdpa"}},
        {"trust_remote_code": True},
    ],
    ids=str,
)
def test_arguments_that_change_nothing_here_are_taken(arguments: dict[str, Any]) -> None:
    assert library.load("AutoModel", entry_of(DISTILBERT), (), arguments).config.dim


@pytest.mark.parametrize(
    "arguments",
    [
        {"gguf_file": "x.gguf"},
        {"transformers_weights": "adapter_model.bin"},
        {"attn_implementation": "org/kernel"},
        {"attn_implementation": {"text_config": "org/kernel@v1:fn"}},
        {"experts_implementation": "org/kernel"},
        {"experts_implementation": "sonicmoe"},
        {"_attn_implementation": "org/kernel"},
        {"_configuration_file": "../config.json"},
        {"custom_generate": "org/x"},
        {"use_kernels": True},
        {"kernel_config": {"x": "org/y"}},
        {"quantization_config": {"quant_method": "eetq"}},
        {"quantization_config": transformers.EetqConfig("int8")},
        {"backbone": "org/backbone"},
        {"subfolder": "../other"},
        {"subfolder": "/etc"},
        {"audio_tokenizer": "org/dac"},
        {"auto_map": {"AutoModel": "x.Y"}},
    ],
    ids=str,
)
def test_arguments_that_lead_out_of_the_folder_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=re.escape(next(iter(arguments)))):
        library.load("AutoModel", entry_of(DISTILBERT), (), arguments)


@pytest.mark.parametrize(
    "name",
    [
        *("pytorch_model.bin", "adapter_model.bin", "x.pt", "X.PKL", "modeling.py", "x.so"),
        *("shard-00001-model-00001-of-00001.safetensors", "tf_model.h5", "spk_dict.pt"),
    ],
)
def test_a_folder_with_a_foreign_file_is_not_loaded(name: str, folder: Path) -> None:
    (folder / name).write_bytes(b"")
    with pytest.raises(IntegrityError, match=re.escape(name)):
        library.load("AutoModel", entry_of(folder))


def test_a_subfolder_that_is_not_there_is_an_error_with_a_hint(folder: Path) -> None:
    with pytest.raises(IntegrityError, match="subfolder"):
        library.load("AutoModel", entry_of(folder), (), {"subfolder": "encoder"})


def test_a_subfolder_loads(tmp_path: Path) -> None:
    shutil.copytree(DISTILBERT, tmp_path / "encoder")
    assert library.load("AutoModel", entry_of(tmp_path), (), {"subfolder": "encoder"}).config.dim


def test_a_variant_loads(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model.fp16.safetensors")
    _, info = library.load(
        "AutoModel", entry_of(folder), (), {"variant": "fp16", "output_loading_info": True}
    )
    assert not info["missing_keys"]


def test_a_backbone_loads_from_a_folder_without_asking_a_hub() -> None:
    swin = entry_of(FIXTURES / "swin-backbone-224" / "safetensors")
    built = library.load("AutoBackbone", swin, (), {"out_indices": (1,)})
    assert built(torch.zeros(1, 3, 224, 224)).feature_maps[0].shape == (1, 96, 56, 56)


def test_what_still_asks_a_hub_is_stopped_by_the_backstop(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asks(*_: object, **__: object) -> None:
        socket.create_connection(("127.0.0.1", 9))

    monkeypatch.setattr(transformers.DistilBertModel, "post_init", asks)
    with pytest.raises(BackstopError, match="network"):
        library.load("AutoModel", entry_of(folder))


def test_a_config_that_still_names_code_runs_none(folder: Path) -> None:
    marker = folder.parent / "executed"
    (folder.parent / "modeling_x.py").write_text(f"open({str(marker)!r}, 'w')")
    edit(folder, auto_map={"AutoModel": "modeling_x.Model", "AutoConfig": "modeling_x.Config"})
    assert library.load("AutoModel", entry_of(folder), (), {"trust_remote_code": True})
    assert not marker.exists()


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"base_model_name_or_path": 5}'])
def test_an_adapter_without_a_base_is_an_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(text)
    with pytest.raises(IntegrityError, match="base model"):
        library.adapter_base(tmp_path)


def test_a_model_with_an_adapter_beside_it_needs_no_base(folder: Path) -> None:
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "org/base"}')
    assert library.adapter_base(folder) is None
