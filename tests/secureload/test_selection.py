"""From names alone: what transformers would pick is fetched, and the rest is left with a reason."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secureload.errors import NotFoundError, NothingNeededError
from secureload.flow import FileClaim, Listing, Need, Selection, Source
from secureload.selection import Scope, select

SMALL = {"config.json", "tokenizer.json", "README.md", "LICENSE", "chat_template.jinja"}


def listing(names: set[str], *, local: str = "") -> Listing:
    source = (
        Source(kind="local", location=local) if local else Source(kind="hub", location="org/model")
    )
    claims = tuple(FileClaim(path=name, size=1, git_oid="0" * 40) for name in sorted(names))
    return Listing(source=source, commit="0" * 40, claims=claims)


def chosen(names: set[str], need: Need | None = None) -> set[str]:
    return set(select(listing(names), need or Need()).paths)


def sharded(stem: str, suffix: str, count: int, variant: str = "") -> set[str]:
    shards = {f"{stem}{variant}-{i:05}-of-{count:05}{suffix}" for i in range(1, count + 1)}
    return shards | {f"{stem}{suffix}.index{variant}.json"}


SAFE = {"model.safetensors"}
LADDER = [
    SAFE,
    sharded("model", ".safetensors", 3),
    {"pytorch_model.bin"},
    sharded("pytorch_model", ".bin", 2),
    {"tf_model.h5"},
    sharded("tf_model", ".h5", 2),
    {"flax_model.msgpack"},
    sharded("flax_model", ".msgpack", 2),
]


@pytest.mark.parametrize("first", range(len(LADDER)))
def test_the_best_form_there_is_taken_alone(first: int) -> None:
    present = set().union(*LADDER[first:])
    assert chosen(SMALL | present) == SMALL | LADDER[first]


def of_type(prefix: str, names: set[str], need: Need, scope: Scope = "needed") -> set[str]:
    source = Source(kind="hub", location=f"{prefix}org/x")
    listed = dataclasses.replace(listing(names), source=source)
    return set(select(listed, need.of(source), scope=scope).paths)


ROWS = {
    "data/train.parquet",
    "images/0.jpg",
    "audio.tar",
    "rows.csv",
    "README.md",
    ".gitattributes",
}


@pytest.mark.parametrize("need", [Need(), Need(purpose="processor"), Need(variant="*")])
def test_of_a_dataset_all_is_data_but_programs(need: Need) -> None:
    assert of_type("datasets/", ROWS | {"load.py", "run.sh", "x.so"}, need) == ROWS
    assert of_type("datasets/", ROWS | {"load.py"}, Need(code=True)) == ROWS | {"load.py"}
    assert of_type("datasets/", ROWS | {"load.py"}, need, "all") == ROWS | {"load.py"}
    assert of_type("datasets/", ROWS, Need(subfolder="data")) == {"data/train.parquet"}
    assert of_type("datasets/", ROWS, Need(files=("rows.csv",))) == {"rows.csv"}
    with pytest.raises(NotFoundError, match="no files in the subfolder"):
        of_type("datasets/", ROWS, Need(subfolder="absent"))


def test_a_space_is_nothing_without_its_code() -> None:
    space = Source(kind="hub", location="spaces/org/x")
    assert Need().of(space).code
    assert not Need().of(Source(kind="hub", location="datasets/org/x")).code
    assert of_type("spaces/", {"app.py", "run.sh", "README.md"}, Need()) == {
        "app.py", "run.sh", "README.md",
    }  # fmt: skip
    model = Source(kind="hub", location="org/x")
    assert Need(variant="fp16").of(model) == Need(variant="fp16")


@pytest.mark.parametrize("framework", ["tensorflow", "flax"])
def test_the_framework_that_was_asked_for_goes_first(framework: Any) -> None:
    own = {"tensorflow": sharded("tf_model", ".h5", 2), "flax": {"flax_model.msgpack"}}[framework]
    names = set().union(*LADDER) - {"tf_model.h5"} | SMALL | own

    assert chosen(names, Need(framework=framework)) == own | SMALL
    assert chosen(SAFE | {"pytorch_model.bin"}, Need(framework=framework)) == SAFE


def test_a_processor_needs_no_weights() -> None:
    names = SMALL | SAFE | sharded("pytorch_model", ".bin", 2) | {"spiece.model"}
    assert chosen(names, Need(purpose="processor")) == SMALL | {"spiece.model"}


def test_every_variant_is_taken_once_in_its_best_form() -> None:
    half = {"model.fp16.safetensors", "pytorch_model.fp16.bin"}
    eight = sharded("pytorch_model", ".bin", 2, ".int8")
    names = SMALL | SAFE | {"pytorch_model.bin"} | half | eight
    wanted = SMALL | SAFE | {"model.fp16.safetensors"} | eight
    assert chosen(names, Need(variant="*")) == wanted
    assert chosen(SMALL | SAFE, Need(variant="*")) == SMALL | SAFE


@pytest.mark.parametrize(
    "variant_files",
    [
        {"model.fp16.safetensors"},
        sharded("model", ".safetensors", 2, ".fp16"),
        {"pytorch_model.fp16.bin"},
    ],
)
def test_a_variant_is_taken_when_asked_for(variant_files: set[str]) -> None:
    names = SMALL | SAFE | variant_files
    assert chosen(names, Need(variant="fp16")) == SMALL | variant_files
    assert chosen(names) == SMALL | SAFE
    assert chosen(names, Need(variant="bf16")) == SMALL | SAFE


def test_shards_named_with_the_variant_last_are_found() -> None:
    shards = {f"model-0000{i}-of-00002.fp16.safetensors" for i in (1, 2)}
    names = shards | {"model.safetensors.index.fp16.json"}
    assert chosen(names | SAFE, Need(variant="fp16")) == names


def test_shards_without_their_index_are_no_weights() -> None:
    names = {"config.json", "model-00001-of-00002.safetensors"}
    result = select(listing(names), Need())
    assert result.paths == ("config.json",)
    assert "no weights" in result.left["*"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("training_args.bin", "training"),
        ("optimizer.pt", "training"),
        ("scheduler.pt", "training"),
        ("rng_state_0.pth", "training"),
        ("runs/events.out.tfevents.1", "training"),
        ("onnx/config.json", "another runtime"),
        ("onnx/model.onnx", "another runtime"),
        ("model-q4.gguf", "another runtime"),
        ("rust_model.ot", "another runtime"),
        ("original/consolidated.00.pth", "another runtime"),
        ("modeling_x.py", "code"),
        ("custom_generate/generate.py", "code"),
        ("picture.PNG", "media"),
        (".gitattributes", "git"),
        ("shard-00001-model-00001-of-00002.safetensors", "distributed"),
        ("pytorch_model.bin", "another form"),
        ("pytorch_model.bin.index.json", "another form"),
        ("spk_dict.pt", "another form"),
        ("sub/model.safetensors", "another form"),
        ("archive.xyz", "no kind"),
    ],
)
def test_what_is_not_needed_is_left_with_a_reason(name: str, why: str) -> None:
    result = select(listing(SMALL | SAFE | {name}), Need())
    assert set(result.paths) == SMALL | SAFE
    assert why in result.left[name]


@pytest.mark.parametrize(
    "name",
    ["tokenizer.model", "tokenizer.model.v3", "sentencepiece.bpe.model", "source.spm", "vocab.txt",
     "merges.txt", "dict.txt", "bpe.codes", "prophetnet.tokenizer", "1_Pooling/config.json",
     "additional_chat_templates/tool.jinja", "generation_config.json", "vocab"],
)  # fmt: skip
def test_small_files_that_libraries_read_are_taken(name: str) -> None:
    assert name in chosen(SAFE | {name})


def test_a_subfolder_gives_its_own_weights() -> None:
    names = SMALL | SAFE | {"sub/config.json", "sub/pytorch_model.bin"}
    assert chosen(names, Need(subfolder="sub")) == SMALL | {
        "sub/config.json", "sub/pytorch_model.bin",
    }  # fmt: skip
    with pytest.raises(NotFoundError, match="subfolder"):
        chosen(names, Need(subfolder="absent"))


def test_a_pipeline_takes_the_best_weights_of_each_folder() -> None:
    names = {"model_index.json", "unet/config.json", "vae/config.json", "scheduler/config.json"}
    best = {
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.bin",
        "text_encoder/model.safetensors",
    }
    worse = {
        "unet/diffusion_pytorch_model.bin",
        "text_encoder/pytorch_model.bin",
        "vae/diffusion_flax_model.msgpack",
        "single-file.safetensors",
        "onnx/model.safetensors",
    }
    assert chosen(names | best | worse) == names | best


def test_a_sentence_transformer_takes_its_modules() -> None:
    names = {"modules.json", "config.json", "1_Pooling/config.json", "2_Dense/config.json"}
    weights = {"model.safetensors", "2_Dense/pytorch_model.bin"}
    assert chosen(names | weights | {"pytorch_model.bin"}) == names | weights


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_an_adapter_takes_its_weights(suffix: str) -> None:
    names = {"adapter_config.json", f"adapter_model{suffix}"}
    assert chosen(names | {"adapter_model.bin"}) == names
    assert select(listing(names), Need()).left.get("*") is None


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_a_lora_of_diffusers_is_taken_where_no_model_is(suffix: str) -> None:
    lora = f"pytorch_lora_weights{suffix}"
    assert chosen({lora, "pytorch_lora_weights.bin", "README.md"}) == {lora, "README.md"}
    assert chosen({lora, "model.safetensors"}) == {"model.safetensors"}


def test_a_file_named_itself_is_taken_whatever_its_name() -> None:
    assert select(listing({"x.pt"}, local="/models/x.pt"), Need()).paths == ("x.pt",)


_NAMES = st.sets(
    st.sampled_from(
        sorted(SMALL | set().union(*LADDER) | {"a.py", "b.gguf", "sub/x.json", "x.ot"})
    ),
    min_size=1,
)


@given(_NAMES, st.sampled_from(["model", "processor", "everything"]))
def test_every_file_is_chosen_or_left_never_both(names: set[str], purpose: str) -> None:
    try:
        result: Selection = select(listing(names), Need(purpose=purpose))  # type: ignore[arg-type]
    except NothingNeededError:
        assert purpose != "everything"
        assert not names & SMALL
        return
    assert result.paths
    assert set(result.paths) | (result.left.keys() - {"*"}) == names
    assert not set(result.paths) & result.left.keys()


@given(_NAMES)
def test_scope_all_takes_everything(names: set[str]) -> None:
    assert set(select(listing(names), Need(), scope="all").paths) == names


@pytest.mark.parametrize(
    ("need", "looked_for"),
    [
        (Need(), "a model needs: looked for config.json, model.safetensors"),
        (Need(purpose="processor"), "tokenizer or processor needs: looked for config.json"),
    ],
)
def test_where_nothing_is_needed_it_says_what_was_looked_for_and_what_is_there(
    need: Need, looked_for: str
) -> None:
    names = {"a.png", "train.py", "style.safetensors"}
    with pytest.raises(NothingNeededError) as error:
        select(listing(names), need)

    assert looked_for in error.value.message
    assert "there are only 'a.png', 'style.safetensors', 'train.py'" in error.value.message
    assert "--everything" in error.value.hint
    assert error.value.commit == "0" * 40
    assert set(select(listing(names), Need(purpose="everything")).paths) == names
    assert select(listing(names), need, scope="all").paths


def test_of_many_useless_files_it_names_a_few() -> None:
    with pytest.raises(NothingNeededError, match=r"'04\.png' and 95 more"):
        select(listing({f"{i:02}.png" for i in range(100)}), Need())


@pytest.mark.parametrize(
    "need", [Need(), Need(purpose="everything"), Need(subfolder="unet"), Need(files=("a",))]
)
def test_what_holds_no_file_says_so(need: Need) -> None:
    with pytest.raises(NothingNeededError, match="holds no file at all"):
        select(listing(set()), need)


def test_one_file_that_matters_is_enough() -> None:
    assert chosen({"README.md", "train.py"}) == {"README.md"}
    assert chosen({"train.py"}, Need(purpose="processor", code=True)) == {"train.py"}
