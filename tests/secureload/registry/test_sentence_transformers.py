from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sentence_transformers
import torch

import secureload
from secureload.errors import IntegrityError, Refused, UsageError
from secureload.registry import sentence_transformers as library
from tests.builders import libraries
from tests.builders.models import hostile_zip
from tests.secureload.registry import hashed

WORDS = ["a few words", "others"]


@pytest.fixture(scope="module")
def safe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return libraries.sentence_model(tmp_path_factory.mktemp("sentences") / "safe")


@pytest.fixture
def old(safe: Path, tmp_path: Path) -> Path:
    return libraries.legacy(safe, tmp_path / "old")


def plain(folder: Path, **kwargs: Any) -> Any:
    return sentence_transformers.SentenceTransformer(str(folder), device="cpu", **kwargs)


@pytest.mark.parametrize("form", ["safe", "old"])
def test_a_model_of_three_modules_encodes_the_same(form: str, safe: Path, old: Path) -> None:
    folder = safe if form == "safe" else old
    ours = secureload.SentenceTransformer(str(folder), device="cpu")
    assert (ours.encode(WORDS) == plain(safe).encode(WORDS)).all()
    assert isinstance(ours, sentence_transformers.SentenceTransformer)
    assert isinstance(ours, secureload.SentenceTransformer)


def test_hashed_bytes_and_arguments_encode_the_same(safe: Path, old: Path, tmp_path: Path) -> None:
    options = {"device": "cpu", "truncate_dim": 4, "model_kwargs": {"dtype": torch.bfloat16}}
    ours = secureload.load(
        f"sentence-transformers:{old}", trust_policy=hashed.policy(tmp_path), **options
    )
    theirs = sentence_transformers.SentenceTransformer(str(safe), **options)
    assert (ours.encode(WORDS) == theirs.encode(WORDS)).all()
    ours.save(str(tmp_path / "saved"))


def test_a_cross_encoder_scores_the_same(tmp_path: Path) -> None:
    safe = libraries.cross_encoder(tmp_path / "safe")
    old = libraries.legacy(safe, tmp_path / "old")
    ours = secureload.CrossEncoder(str(old), device="cpu")
    theirs = sentence_transformers.CrossEncoder(str(safe), device="cpu")
    pairs = [("a few", "words"), ("others", "words")]
    assert (ours.predict(pairs) == theirs.predict(pairs)).all()


def test_built_modules_need_no_gate(safe: Path) -> None:
    parts = list(plain(safe))
    assert secureload.SentenceTransformer(modules=parts, device="cpu")[0] is parts[0]


def test_a_malicious_module_is_refused(old: Path, tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    (old / "2_Dense" / "pytorch_model.bin").write_bytes(hostile_zip(f"touch {marker}"))
    with pytest.raises(Refused) as refused:
        secureload.SentenceTransformer(str(old))
    assert "runs-shell" in refused.value.verdict.rules
    assert not marker.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"type": "os.system"},
        {"type": "modeling.Encoder"},
        {"type": "sentence_transformersx.Y"},
        {"path": "../elsewhere"},
        {"path": "/etc"},
    ],
    ids=str,
)
def test_modules_that_name_something_else_are_not_built(
    change: dict[str, str], safe: Path, tmp_path: Path
) -> None:
    modules = json.loads((safe / "modules.json").read_text())
    modules[1] |= change
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(IntegrityError, match="names the"):
        library.check_modules(tmp_path / "modules.json")


@pytest.mark.parametrize("text", ["{", "{}x", "[5]", '[{"path": ""}]'])
def test_a_broken_list_of_modules_is_an_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_text(text)
    with pytest.raises(IntegrityError, match="cannot be read"):
        library.check_modules(tmp_path / "modules.json")


@pytest.mark.parametrize(
    "arguments",
    [
        {"backend": "onnx"},
        {"model_kwargs": {"gguf_file": "x.gguf"}},
        {"model_kwargs": {"attn_implementation": "org/kernel"}},
        {"config_kwargs": {"auto_map": {"AutoModel": "x.Y"}}},
    ],
    ids=str,
)
def test_arguments_that_lead_out_of_the_folder_are_refused(
    arguments: dict[str, Any], safe: Path
) -> None:
    with pytest.raises(UsageError):
        secureload.SentenceTransformer(str(safe), **arguments)
