from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secureload.convert import configs
from secureload.convert.configs import scrub
from secureload.errors import ConversionError

FIXTURES = Path(__file__).parents[2] / "fixtures"
CHECKPOINT_FILES = sorted(FIXTURES.glob("*/*/*.json"))


def scrubbed(document: Any, name: str = "config.json") -> tuple[Any, tuple[str, ...]]:
    data, notes = scrub(name, json.dumps(document).encode())
    return json.loads(data), notes


REMOVED = [
    ("auto_map", {"AutoModel": "modeling.Model"}, "names code"),
    ("custom_pipelines", {"x": {"impl": "x.X"}}, "names code"),
    ("custom_generate", "org/generate", "names code"),
    ("transformers_weights", "adapter_model.bin", "names something outside the folder"),
    ("attn_implementation", "org/kernel", "may name a kernel to fetch"),
    ("_attn_implementation", "org/kernel", "may name a kernel to fetch"),
    ("_attn_implementation_internal", "org/kernel", "may name a kernel to fetch"),
    ("experts_implementation", "org/kernel", "may name a kernel to fetch"),
    ("_experts_implementation", "org/kernel", "may name a kernel to fetch"),
    ("fusion_config", {"x": True}, "may name a kernel to fetch"),
    ("trust_remote_code", True, "names something outside the folder"),
    ("vocab_file", "/etc/passwd", "names a file outside the folder"),
    ("font", "../../font.ttf", "names a file outside the folder"),
    ("tokenizer_file", "https://example.org/x.json", "names a file outside the folder"),
    ("configuration_files", ["../config.4.0.0.json"], "names a file outside the folder"),
    ("fast_tokenizer_files", ["/x/tokenizer.4.0.json"], "names a file outside the folder"),
]


@pytest.mark.parametrize(("key", "value", "why"), REMOVED, ids=[row[0] for row in REMOVED])
@pytest.mark.parametrize("depth", [0, 1, 3])
def test_what_leads_out_is_removed_at_any_depth(key: str, value: Any, why: str, depth: int) -> None:
    document: dict[str, Any] = {key: value, "hidden_size": 8}
    for _ in range(depth):
        document = {"text_config": document, "kept": [1, 2.5, None, "é"]}
    cleaned, notes = scrubbed(document)
    path = "$" + ".text_config" * depth
    assert notes == (f"config.json: {path}.{key} removed: {why}",)
    inner = cleaned
    for _ in range(depth):
        assert inner["kept"] == [1, 2.5, None, "é"]
        inner = inner["text_config"]
    assert inner == {"hidden_size": 8}


def test_a_list_of_configs_is_walked_too() -> None:
    cleaned, notes = scrubbed({"parts": [{"x": 1}, {"auto_map": "a.B"}]})
    assert cleaned == {"parts": [{"x": 1}, {}]}
    assert notes == ("config.json: $.parts[1].auto_map removed: names code",)


HARMLESS = [
    {"_name_or_path": "/home/someone/model", "vocab_size": 9},
    {"label2id": {"auto_map": 0, "attn_implementation": 1}},
    {"backbone": "resnet50", "use_timm_backbone": True},
    {"tokenizer_class": "BertTokenizer", "vocab_file": "vocab.txt"},
    {"auto_map": None, "attn_implementation": None},
    {"quantization_config": {"quant_method": "gptq", "bits": 4}},
    {"quantization_config": {"load_in_4bit": True}},
    {"configuration_files": ["config.4.0.0.json"]},
    {"eos_token_id": [1, 2], "pad": float("inf")},
]


@pytest.mark.parametrize("document", HARMLESS, ids=str)
def test_a_harmless_config_is_returned_as_the_very_object_given(document: Any) -> None:
    data = json.dumps(document).encode()
    result, notes = scrub("config.json", data)
    assert result is data
    assert notes == ()


@pytest.mark.parametrize("path", CHECKPOINT_FILES, ids=lambda path: str(path.relative_to(FIXTURES)))
def test_no_config_of_a_real_checkpoint_is_touched(path: Path) -> None:
    data = path.read_bytes()
    if path.name.endswith(".index.json") and b".safetensors" not in data:
        with pytest.raises(ConversionError):
            scrub(path.name, data)
    else:
        result, notes = scrub(path.name, data)
        assert result is data, notes


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(json_values, st.sampled_from([row[:2] for row in REMOVED]))
def test_everything_else_survives_and_a_second_scrub_finds_nothing(
    value: Any, removed: tuple[str, Any]
) -> None:
    document = {"settings": {"label": value}, removed[0]: removed[1]}
    data, _ = scrub("config.json", json.dumps(document).encode())
    once = json.loads(data)
    expected, _ = scrubbed({"settings": {"label": value}})
    assert once == expected
    again, notes = scrub("config.json", data)
    assert again is data
    assert notes == ()


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[1,]", b"\xff\xfe{\x00}\x00", b'{"a": 1} x', b"[" * 100_000, b"1" * 5000],
    ids=["empty", "open", "comma", "utf-16", "trailing", "deep", "huge-number"],
)
def test_a_config_that_is_not_json_is_refused(data: bytes) -> None:
    with pytest.raises(ConversionError, match=r"config\.json: not valid JSON") as refused:
        scrub("config.json", data)
    assert refused.value.hint


def test_a_key_given_twice_is_written_once_as_python_reads_it() -> None:
    data, notes = scrub("config.json", b'{"a": {"b": 1, "b": 2}, "c": 3}')
    assert data.count(b'"b"') == 1
    assert json.loads(data) == {"a": {"b": 2}, "c": 3}
    assert notes == ("config.json: key `b` appears twice: kept its last value",)


@pytest.mark.parametrize("name", ["tokenizer.json", "vocab.json", "README.md", "model.safetensors"])
def test_data_files_are_left_alone(name: str) -> None:
    data = b'{"auto_map": "x.Y"}'
    assert scrub(name, data) == (data, ())


def test_a_file_that_is_no_config_and_no_json_is_left_alone() -> None:
    assert scrub("notes.json", b"not json") == (b"not json", ())


def test_any_other_json_file_is_scrubbed_like_a_config() -> None:
    _, notes = scrubbed({"auto_map": "x.Y"}, "sub/calibration.json")
    assert notes == ("sub/calibration.json: $.auto_map removed: names code",)


def index(**weights: Any) -> bytes:
    return json.dumps({"metadata": {}, "weight_map": weights}).encode()


def test_an_index_of_local_shards_passes() -> None:
    data = index(a="model-00001-of-00002.safetensors", b="model-00002-of-00002.safetensors")
    assert scrub("model.safetensors.index.json", data) == (data, ())


@pytest.mark.parametrize(
    "shard",
    [
        *("../x.safetensors", "/x.safetensors", "a/x.safetensors", "a\\x.safetensors"),
        *("pytorch_model.bin", "x.safetensors.bin", "", "c:x.safetensors", "x\n.safetensors"),
        *("http://h/x.safetensors", 5, None, ["x.safetensors"]),
    ],
    ids=repr,
)
def test_an_index_that_leaves_the_folder_is_refused(shard: Any) -> None:
    with pytest.raises(ConversionError):
        scrub("model.safetensors.index.json", index(a="model.safetensors", b=shard))


@pytest.mark.parametrize("document", ["[]", "{}", '{"weight_map": []}'])
def test_an_index_without_a_map_is_refused(document: str) -> None:
    with pytest.raises(ConversionError, match="weight_map"):
        scrub("model.safetensors.index.json", document.encode())


@pytest.mark.parametrize("method", ["eetq", "fbgemm_fp8", "metal", "unheard-of", None, 7])
@pytest.mark.parametrize("nested", [False, True])
def test_a_quantisation_that_needs_foreign_code_is_refused(method: Any, nested: bool) -> None:
    document: dict[str, Any] = {"quantization_config": {"quant_method": method}}
    with pytest.raises(ConversionError, match="quantisation method"):
        scrubbed({"text_config": document} if nested else document)


@pytest.mark.parametrize("backbone", ["microsoft/resnet-50", "hf-hub:timm/x", "/models/x"])
def test_a_backbone_from_another_repository_is_refused(backbone: str) -> None:
    with pytest.raises(ConversionError, match="backbone"):
        scrubbed({"backbone": backbone})


def test_a_backbone_name_that_nothing_reads_is_removed() -> None:
    own = {"model_type": "swin"}
    cleaned, notes = scrubbed({"backbone": "microsoft/swin", "backbone_config": own})
    assert cleaned == {"backbone_config": own}
    assert len(notes) == 1


def test_arguments_that_make_timm_read_weights_are_removed() -> None:
    arguments = {"depth": 3, "pretrained": True, "checkpoint_path": "/x.bin"}
    cleaned, _ = scrubbed({"architecture": "resnet18", "model_args": arguments})
    assert cleaned == {"architecture": "resnet18", "model_args": {"depth": 3}}


def test_an_architecture_on_a_hub_is_refused() -> None:
    with pytest.raises(ConversionError, match="architecture"):
        scrubbed({"architecture": "hf-hub:org/x"})


def test_a_processor_loses_the_audio_tokenizer_of_another_repository() -> None:
    foreign = {"audio_tokenizer_class": "DacModel", "audio_tokenizer_name_or_path": "org/dac"}
    cleaned, notes = scrubbed({"audio_tokenizer": foreign}, "processor_config.json")
    assert cleaned == {}
    assert notes == (
        "processor_config.json: $.audio_tokenizer removed: names something outside the folder",
    )


def test_a_file_that_only_names_an_audio_tokenizer_elsewhere_is_refused() -> None:
    with pytest.raises(ConversionError, match="another repository"):
        scrubbed({"audio_tokenizer_name_or_path": "org/dac"}, "audio_tokenizer_config.json")


def test_an_adapter_keeps_its_base_and_loses_what_imports_or_loads() -> None:
    cleaned, notes = scrubbed(
        {
            "base_model_name_or_path": "org/base",
            "megatron_core": "os",
            "auto_mapping": {"parent_library": "x", "base_model_class": "Y"},
            "tokenizer_name_or_path": "org/other",
            "prompt_tuning_init_state_dict_path": "/x.bin",
            "r": 8,
        },
        "adapter_config.json",
    )
    assert cleaned == {"base_model_name_or_path": "org/base", "r": 8}
    assert len(notes) == 4


def test_the_usual_megatron_core_stays() -> None:
    assert scrubbed({"megatron_core": "megatron.core"}, "adapter_config.json")[1] == ()


def test_a_mixture_of_other_adapters_is_refused() -> None:
    with pytest.raises(ConversionError, match="mixture"):
        scrubbed({"adapters": {"0": "org/lora"}}, "adapter_config.json")


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("shard-00001-model-00001-of-00001.safetensors", True),
        ("sub/shard-0-model-1-of-2.safetensors", True),
        ("custom_generate/generate.py", True),
        ("model.safetensors", False),
        ("model-00001-of-00002.safetensors", False),
    ],
)
def test_names_that_take_over_the_loader_are_known(name: str, taken: bool) -> None:
    assert (configs.takes_over(name) is not None) is taken


def test_what_scrubbing_mends_is_named_as_the_scanner_names_it() -> None:
    assert {"config-names-code", "config-leaves-folder"} == configs.MENDS
