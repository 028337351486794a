"""TensorFlow's and Flax's weights become PyTorch's, bit for bit, or are refused by name."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import msgpack
import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import load_file

import secureload
from secureload.convert import convert_path, verify_conversion
from secureload.convert.frameworks import ARCHITECTURES, from_flax, from_tensorflow
from secureload.errors import ConversionError

FIXTURES = Path(__file__).parents[2] / "fixtures"
FOREIGN = sorted(
    str(folder.relative_to(FIXTURES))
    for pattern in ("*/tf-*", "*/flax-*")
    for folder in FIXTURES.glob(pattern)
)
TIED = ("lm_head.weight", "decoder.weight", "embed_tokens.weight")


def loaded(folder: Path) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        tensors |= load_file(path)
    return tensors


@pytest.mark.parametrize("name", FOREIGN)
def test_every_tensor_equals_pytorchs_own(name: str, tmp_path: Path) -> None:
    convert_path(FIXTURES / name, tmp_path / "out")

    found = loaded(tmp_path / "out")
    wanted = load_file(FIXTURES / name.partition("/")[0] / "safetensors" / "model.safetensors")
    headless = {key.removeprefix("bert."): key for key in found}
    for key, tensor in wanted.items():
        if key.endswith("num_batches_tracked"):
            continue  # a counter that only PyTorch keeps
        mine = found.pop(key if key in found else headless[key])
        if mine.dtype is torch.bfloat16:
            tensor = tensor.to(torch.bfloat16)
        assert torch.equal(mine.to(tensor.dtype), tensor), key
    assert not found


@pytest.mark.parametrize("name", [n for n in FOREIGN if n.endswith(("sharded", "tf-h5"))])
def test_an_old_conversion_is_proven_again(name: str, tmp_path: Path) -> None:
    convert_path(FIXTURES / name, tmp_path / "out")
    assert verify_conversion(FIXTURES / name, tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "auto", "output"),
    [
        ("distilbert-token/tf-h5", "AutoModelForTokenClassification", "logits"),
        ("distilbert-sequence/flax-sharded", "AutoModelForSequenceClassification", "logits"),
        ("bert-pretraining/tf-h5-sharded", "AutoModelForPreTraining", "prediction_logits"),
        ("bert-pretraining/tf-safetensors", "AutoModelForPreTraining", "prediction_logits"),
        ("bert-pretraining/flax-safetensors", "AutoModelForPreTraining", "prediction_logits"),
        ("bert-pretraining/flax-chunked", "AutoModelForPreTraining", "prediction_logits"),
        ("bert-base/tf-h5", "AutoModel", "last_hidden_state"),
        ("bert-base/flax-msgpack", "AutoModel", "last_hidden_state"),
        ("gpt2-lm/tf-h5", "AutoModelForCausalLM", "logits"),
        ("gpt2-lm/flax-msgpack", "AutoModelForCausalLM", "logits"),
        ("t5-seq2seq/tf-h5", "AutoModelForSeq2SeqLM", "logits"),
        ("t5-seq2seq/flax-msgpack", "AutoModelForSeq2SeqLM", "logits"),
        ("bart-seq2seq/tf-h5", "AutoModelForSeq2SeqLM", "logits"),
        ("bart-seq2seq/flax-msgpack", "AutoModelForSeq2SeqLM", "logits"),
        ("resnet-image/tf-h5", "AutoModelForImageClassification", "logits"),
        ("resnet-image/flax-msgpack", "AutoModelForImageClassification", "logits"),
        ("swin-image/tf-h5", "AutoModelForImageClassification", "logits"),
        ("vit-image/tf-h5", "AutoModelForImageClassification", "logits"),
        ("vit-image/flax-msgpack", "AutoModelForImageClassification", "logits"),
        ("layoutlmv3-token/tf-h5", "AutoModelForTokenClassification", "logits"),
        ("wav2vec2-ctc/tf-h5", "AutoModelForCTC", "logits"),
        ("wav2vec2-ctc/flax-msgpack", "AutoModelForCTC", "logits"),
        ("wav2vec2-groupnorm/tf-h5", "AutoModelForCTC", "logits"),
        ("wav2vec2-emotion/tf-h5", "AutoModelForAudioClassification", "logits"),
    ],
)
def test_the_model_answers_as_it_did_in_its_own_framework(
    name: str, auto: str, output: str
) -> None:
    expected = load_file(FIXTURES / name.partition("/")[0] / "expected.safetensors")
    inputs = {k.removeprefix("input."): v for k, v in expected.items() if k.startswith("input.")}
    framework = "flax" if "flax" in name else "tensorflow"

    model = getattr(secureload, auto).from_pretrained(FIXTURES / name).eval()
    with torch.no_grad():
        answer = model(**inputs)[output]

    assert torch.allclose(answer, expected[f"{framework}.{output}"], atol=1e-5)


def test_an_unproven_architecture_is_not_guessed(tmp_path: Path) -> None:
    source = tmp_path / "model"
    shutil.copytree(FIXTURES / "bert-base" / "tf-h5", source)
    config = (source / "config.json").read_text()
    (source / "config.json").write_text(config.replace('"bert"', '"deberta-v2"'))

    with pytest.raises(ConversionError, match="deberta-v2") as error:
        convert_path(source, tmp_path / "out")

    assert "recorded outputs" in error.value.hint
    assert not (tmp_path / "out").exists()


def test_without_a_configuration_nothing_is_guessed(tmp_path: Path) -> None:
    source = tmp_path / "model"
    source.mkdir()
    shutil.copy(FIXTURES / "bert-base" / "tf-h5" / "tf_model.h5", source)
    with pytest.raises(ConversionError, match=r"config\.json"):
        convert_path(source, tmp_path / "out")


def test_pytorchs_weights_win_over_anothers(tmp_path: Path) -> None:
    source = tmp_path / "model"
    shutil.copytree(FIXTURES / "bert-base" / "pt-zip", source)
    shutil.copy(FIXTURES / "bert-base" / "tf-h5" / "tf_model.h5", source)

    done = convert_path(source, tmp_path / "out")

    assert any("another framework" in note for made in done.conversions for note in made.notes)
    assert "embeddings.word_embeddings.weight" in loaded(tmp_path / "out")


def test_every_proven_architecture_has_a_fixture() -> None:
    names = " ".join(FOREIGN).replace("-", "")
    assert [model for model in ARCHITECTURES if model not in names] == []


def external_storage(file: h5py.File, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"s" * 64)
    file["bert"].create_dataset(
        "m/pooler/dense/bias:0", shape=(16,), dtype="f4", external=[(str(secret), 0, 64)]
    )


def external_link(file: h5py.File, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = np.zeros(4, "f4")
    file["bert"]["away"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/x")


def soft_link(file: h5py.File, tmp_path: Path) -> None:
    file["bert"]["again"] = h5py.SoftLink("/bert/m")


def hard_link_loop(file: h5py.File, tmp_path: Path) -> None:
    file["bert"]["loop"] = file["bert"]


def virtual(file: h5py.File, tmp_path: Path) -> None:
    layout = h5py.VirtualLayout(shape=(4,), dtype="f4")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", shape=(4,))
    file["bert"].create_virtual_dataset("v:0", layout)


def compressed(file: h5py.File, tmp_path: Path) -> None:
    file["bert"].create_dataset("c:0", data=np.zeros(4096, "f4"), compression="gzip")


def unallocated(file: h5py.File, tmp_path: Path) -> None:
    file["bert"].create_dataset("huge:0", shape=(1 << 38,), dtype="f4")


def text(file: h5py.File, tmp_path: Path) -> None:
    file["bert"].create_dataset("t:0", data=["a", "b"], dtype=h5py.string_dtype())


def whole_model(file: h5py.File, tmp_path: Path) -> None:
    file.attrs["model_config"] = '{"class_name": "Lambda"}'


@pytest.mark.parametrize(
    "harm",
    [
        *(external_storage, external_link, soft_link, hard_link_loop, virtual),
        *(compressed, unallocated, text, whole_model),
    ],
)
def test_hdf5_that_reaches_elsewhere_or_hides_its_size_is_refused(
    harm: Callable[[h5py.File, Path], None], tmp_path: Path
) -> None:
    source = tmp_path / "model"
    source.mkdir()
    shutil.copy(FIXTURES / "bert-base" / "tf-h5" / "config.json", source)
    with h5py.File(source / "tf_model.h5", "w") as file:
        file.create_group("bert").attrs["weight_names"] = ["m/pooler/dense/kernel:0"]
        file["bert"].create_dataset("m/pooler/dense/kernel:0", data=np.ones((4, 4), "f4"))
        harm(file, tmp_path)

    with pytest.raises(ConversionError, match=r"tf_model\.h5"):
        convert_path(source, tmp_path / "out")

    assert not (tmp_path / "out").exists()


def array(shape: tuple[int, ...], dtype: str, data: bytes, code: int = 1) -> msgpack.ExtType:
    return msgpack.ExtType(code, msgpack.packb((shape, dtype, data)))


GOOD = array((2,), "float32", b"\0" * 8)


@pytest.mark.parametrize(
    "tree",
    [
        {"a": {"kernel": array((3,), "float32", b"\0" * 8)}},
        {"a": {"kernel": array((-2,), "float32", b"\0" * 8)}},
        {"a": {"kernel": array((2,), "object", b"\0" * 16)}},
        {"a": {"kernel": array((2,), "float32", b"\0" * 8, code=9)}},
        {"a": {"kernel": array((1,) * 40, "float32", b"\0" * 4)}},
        {"a": {"kernel": "text"}, "b": {"kernel": GOOD}},
        {"a": {"kernel": [1, 2]}, "b": {"kernel": GOOD}},
        {"a": {"__msgpack_chunked_array__": True, "shape": {"0": 9}, "chunks": {"0": GOOD}}},
        {"params": {"x": {"kernel": GOOD}}, "batch_stats": {"x": {"kernel": GOOD}}},
    ],
)  # fmt: skip
def test_messagepack_that_lies_is_refused(tree: Any, tmp_path: Path) -> None:
    refuse(msgpack.packb(tree), tmp_path)


@pytest.mark.parametrize(
    "data",
    [
        msgpack.packb({"a": {"kernel": GOOD}}) + b"\0",
        msgpack.packb({"a": {"kernel": GOOD}})[:-1],
        b"\x82\xa1a" + msgpack.packb(GOOD) + b"\xa1a" + msgpack.packb(GOOD),
        b"\x81\xa1a" * 500 + msgpack.packb({"k": GOOD}),
        b"\xdf\xff\xff\xff\xff\xa1a" + msgpack.packb(GOOD),
        b"\x81\xa1a\xc9\xff\xff\xff\xff\x01",
    ],
    ids=["trailing", "truncated", "twice", "deep", "huge-map", "huge-array"],
)
def test_messagepack_that_is_damaged_is_refused(data: bytes, tmp_path: Path) -> None:
    refuse(data, tmp_path)


def refuse(data: bytes, tmp_path: Path) -> None:
    source = tmp_path / "model"
    source.mkdir()
    shutil.copy(FIXTURES / "bert-base" / "flax-msgpack" / "config.json", source)
    (source / "flax_model.msgpack").write_bytes(data)
    with pytest.raises(ConversionError, match=r"flax_model\.msgpack"):
        convert_path(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_frameworks_safetensors_with_an_unknown_dtype_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "model"
    source.mkdir()
    shutil.copy(FIXTURES / "bert-base" / "tf-h5" / "config.json", source)
    save_file({"bert/x:0": np.zeros(2, np.uint16)}, source / "model.safetensors", {"format": "tf"})
    with pytest.raises(ConversionError, match="U16"):
        convert_path(source, tmp_path / "out")


def test_names_change_by_their_last_part_and_kernels_by_rank() -> None:
    assert from_tensorflow("nsp___cls/seq_relationship/kernel", (4, 2)).name == (
        "cls.seq_relationship.weight"
    )
    assert from_tensorflow("encoder/layer_._0/dense/kernel", (4, 2)).axes == (1, 0)
    assert from_tensorflow("h_._0/attn/c_attn/bias", (1, 4)).axes == (1,)
    assert from_flax(("conv", "kernel"), (3, 3, 8, 16)).axes == (3, 2, 0, 1)
    assert from_flax(("norm", "scale"), (8,)).name == "norm.weight"
