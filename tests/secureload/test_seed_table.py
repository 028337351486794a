"""Every row of the seed table, from legacy checkpoints and from safetensors, equal outputs.

The recorded answers are transformers' own on the same weights (see tests/fixtures). Each
load goes the whole way: resolve, fetch, scan, decide, convert, keep, build.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file

import secureload
from tests.secureload.registry.tiny import load_with_info, tiny_model

FIXTURES = Path(__file__).parents[1] / "fixtures"
MANIFEST = json.loads((FIXTURES / "manifest.json").read_text())
PYTORCH = ("pt-zip", "pt-legacy", "pt-sharded", "safetensors", "safetensors-sharded")
AUTO_CLASSES = tuple(name for name in dir(secureload) if name.startswith("Auto"))
MODEL_CLASSES = tuple(n for n in AUTO_CLASSES if n.startswith(("AutoModel", "AutoBackbone")))


def close(made: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(made.float(), expected.float(), atol=1e-5, rtol=1e-5)


def recorded(fixture: str) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The inputs and transformers' own outputs."""
    tensors = load_file(FIXTURES / fixture / "expected.safetensors")
    inputs = {k.removeprefix("input."): v for k, v in tensors.items() if k.startswith("input.")}
    outputs = {
        k.removeprefix("pytorch."): v for k, v in tensors.items() if k.startswith("pytorch.")
    }
    return inputs, outputs


def rows(*fixtures: str) -> list[tuple[str, str]]:
    return [
        (fixture, form)
        for fixture in fixtures
        for form in PYTORCH
        if (FIXTURES / fixture / form).is_dir()
    ]


def answers_as_recorded(auto: str, fixture: str, form: str) -> None:
    """Load one folder through the gate and compare all recorded outputs."""
    model, info = getattr(secureload, auto).from_pretrained(
        FIXTURES / fixture / form, output_loading_info=True
    )
    assert type(model).__name__ == MANIFEST["fixtures"][fixture]["model"]
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]
    inputs, outputs = recorded(fixture)
    with torch.no_grad():
        made = model.eval()(**inputs)
    assert outputs
    for name, expected in outputs.items():
        close(made[name], expected)


@pytest.mark.parametrize(("fixture", "form"), rows("bert-base"))
def test_auto_model(fixture: str, form: str) -> None:
    answers_as_recorded("AutoModel", fixture, form)


@pytest.mark.parametrize(("fixture", "form"), rows("bert-pretraining"))
def test_auto_model_for_pre_training(fixture: str, form: str) -> None:
    answers_as_recorded("AutoModelForPreTraining", fixture, form)


@pytest.mark.parametrize(("fixture", "form"), rows("distilbert-sequence"))
def test_auto_model_for_sequence_classification(fixture: str, form: str) -> None:
    answers_as_recorded("AutoModelForSequenceClassification", fixture, form)


@pytest.mark.parametrize(("fixture", "form"), rows("distilbert-token", "layoutlmv3-token"))
def test_auto_model_for_token_classification(fixture: str, form: str) -> None:
    answers_as_recorded("AutoModelForTokenClassification", fixture, form)


@pytest.mark.parametrize("form", ["pt-zip", "safetensors"])
def test_sequence_and_token_classification_from_one_checkpoint(form: str) -> None:
    folder = FIXTURES / "distilbert-sequence" / form
    sequence = secureload.AutoModelForSequenceClassification.from_pretrained(folder)
    token, info = secureload.AutoModelForTokenClassification.from_pretrained(
        folder, output_loading_info=True
    )
    assert type(sequence).__name__ == "DistilBertForSequenceClassification"
    assert type(token).__name__ == "DistilBertForTokenClassification"
    # The checkpoint has a classifier for sentences; one shape fits both heads.
    assert all("classifier" in key for key in info["missing_keys"])
    ours, theirs = token.distilbert.state_dict(), sequence.distilbert.state_dict()
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())


@pytest.mark.parametrize(("fixture", "form"), rows("gpt2-lm"))
def test_auto_model_for_causal_lm(fixture: str, form: str) -> None:
    answers_as_recorded("AutoModelForCausalLM", fixture, form)


@pytest.mark.parametrize(("fixture", "form"), rows("t5-seq2seq", "bart-seq2seq"))
def test_auto_model_for_seq2seq_lm(fixture: str, form: str) -> None:
    answers_as_recorded("AutoModelForSeq2SeqLM", fixture, form)


@pytest.mark.parametrize(("fixture", "form"), rows("wav2vec2-ctc", "wav2vec2-groupnorm"))
def test_auto_model_for_ctc(fixture: str, form: str) -> None:
    answers_as_recorded("AutoModelForCTC", fixture, form)


@pytest.mark.parametrize(("fixture", "form"), rows("wav2vec2-emotion"))
def test_auto_model_for_audio_classification(fixture: str, form: str) -> None:
    answers_as_recorded("AutoModelForAudioClassification", fixture, form)


@pytest.mark.parametrize(("fixture", "form"), rows("vit-image", "resnet-image", "swin-image"))
def test_auto_model_for_image_classification(fixture: str, form: str) -> None:
    answers_as_recorded("AutoModelForImageClassification", fixture, form)


@pytest.mark.parametrize("form", ["pt-zip", "safetensors"])
@pytest.mark.parametrize("chosen", [{"out_indices": (1,)}, {"out_features": ["stage1"]}], ids=str)
def test_auto_backbone(form: str, chosen: dict[str, Any]) -> None:
    folder = FIXTURES / "swin-backbone-224" / form
    backbone = secureload.AutoBackbone.from_pretrained(folder, dtype=torch.float32, **chosen)
    image = torch.sin(torch.arange(3 * 224 * 224, dtype=torch.float64) * 0.001)
    with torch.no_grad():
        (made,) = backbone.eval()(image.float().view(1, 3, 224, 224)).feature_maps
    expected = load_file(FIXTURES / "swin-backbone-224" / "expected.safetensors")
    assert tuple(made.shape) == tuple(expected["shape"].tolist()) == (1, 96, 56, 56)
    close(made[:, :8, :8, :8], expected["corner"])
    close(made.mean(), expected["mean"])
    close(made.std(), expected["std"])


@pytest.mark.parametrize(("fixture", "form"), rows("swin-image"))
def test_auto_backbone_of_a_classifier(fixture: str, form: str) -> None:
    backbone = secureload.AutoBackbone.from_pretrained(FIXTURES / fixture / form, out_indices=(1,))
    expected = load_file(FIXTURES / fixture / "expected.safetensors")
    with torch.no_grad():
        (made,) = backbone.eval()(expected["input.pixel_values"]).feature_maps
    close(made, expected["backbone.feature_map"])


@pytest.mark.parametrize("form", ["pt-zip", "safetensors"])
@pytest.mark.parametrize("fixture", ["bert-base", "wav2vec2-ctc", "swin-image"])
def test_auto_config(fixture: str, form: str) -> None:
    folder = FIXTURES / fixture / form
    made = secureload.AutoConfig.from_pretrained(folder)
    theirs = transformers.AutoConfig.from_pretrained(folder)
    assert type(made) is type(theirs)
    # Where it was read from differs: ours is the admitted folder.
    assert {**made.to_dict(), "_name_or_path": ""} == {**theirs.to_dict(), "_name_or_path": ""}


def same(made: Mapping[str, Any], fixture: str) -> None:
    expected = load_file(FIXTURES / fixture / "expected-processor.safetensors")
    wanted = {k.removeprefix("made."): v for k, v in expected.items() if k.startswith("made.")}
    assert wanted
    for name, value in wanted.items():
        if name in made:
            tensor = torch.as_tensor(made[name])
            close(tensor.reshape(value.shape), value)
    assert set(made) & set(wanted)


def given(fixture: str, name: str) -> Any:
    return load_file(FIXTURES / fixture / "expected-processor.safetensors")[f"given.{name}"].numpy()


TOKENIZERS = sorted(
    name
    for name, detail in MANIFEST["fixtures"].items()
    if detail.get("processor_auto_class") == "AutoTokenizer"
)


@pytest.mark.parametrize("fixture", TOKENIZERS)
def test_auto_tokenizer(fixture: str) -> None:
    folder = FIXTURES / fixture / "processor"
    made = secureload.AutoTokenizer.from_pretrained(folder)
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    assert type(made) is type(theirs)
    same(made(MANIFEST["sentences"][0]), fixture)
    for sentence in MANIFEST["sentences"]:
        assert made(sentence) == theirs(sentence)


@pytest.mark.parametrize("fixture", ["vit-image", "resnet-image", "swin-image"])
def test_auto_image_processor(fixture: str) -> None:
    made = secureload.AutoImageProcessor.from_pretrained(FIXTURES / fixture / "processor")
    same(made(given(fixture, "image"), return_tensors="pt"), fixture)


@pytest.mark.parametrize("fixture", ["wav2vec2-emotion", "wav2vec2-ctc"])
def test_auto_feature_extractor(fixture: str) -> None:
    made = secureload.AutoFeatureExtractor.from_pretrained(FIXTURES / fixture / "processor")
    same(made(given(fixture, "sound"), sampling_rate=16_000, return_tensors="pt"), fixture)


def test_auto_processor_of_sound() -> None:
    fixture = "wav2vec2-ctc"
    made = secureload.AutoProcessor.from_pretrained(FIXTURES / fixture / "processor")
    assert type(made).__name__ == "Wav2Vec2Processor"
    same(made(given(fixture, "sound"), sampling_rate=16_000, return_tensors="pt"), fixture)


@pytest.mark.parametrize("fixture", ["layoutlmv2-processor", "layoutlmv3-token"])
def test_auto_processor_of_documents(fixture: str) -> None:
    folder = FIXTURES / fixture / "processor"
    made = secureload.AutoProcessor.from_pretrained(folder, apply_ocr=False)
    theirs = transformers.AutoProcessor.from_pretrained(folder, apply_ocr=False)
    image, words = given(fixture, "image"), ["Hello", "world"]
    boxes = [[1, 2, 3, 4], [5, 6, 7, 8]]
    ours = made(image, words, boxes=boxes, return_tensors="pt")
    expected = theirs(image, words, boxes=boxes, return_tensors="pt")
    assert set(ours) == set(expected)
    for name in expected:
        close(torch.as_tensor(ours[name]), torch.as_tensor(expected[name]))


def test_pipeline_from_legacy_weights() -> None:
    fixture = FIXTURES / "distilbert-sequence"
    made = secureload.pipeline(
        model=str(fixture / "pt-zip"), tokenizer=str(fixture / "processor"), device="cpu"
    )
    theirs = transformers.pipeline(
        "text-classification",
        model=str(fixture / "safetensors"),
        tokenizer=str(fixture / "processor"),
        device="cpu",
    )
    for sentence in MANIFEST["sentences"]:
        (ours,), (expected,) = made(sentence), theirs(sentence)
        assert ours["label"] == expected["label"]
        assert ours["score"] == pytest.approx(expected["score"], abs=1e-5)


def test_every_auto_class_of_the_installed_transformers_has_a_front() -> None:
    theirs = {
        name
        for name, module in transformers._class_to_module.items()
        if module.startswith("models.auto.") and name.startswith("Auto")
    }
    pefts = {name for name in AUTO_CLASSES if name.startswith("AutoPeft")}
    assert theirs == set(AUTO_CLASSES) - pefts


@pytest.mark.parametrize("form", ["legacy", "safetensors"])
@pytest.mark.parametrize("auto", MODEL_CLASSES)
def test_every_model_class_loads_what_transformers_loads(
    auto: str, form: str, tmp_path: Path
) -> None:
    tiny = tiny_model(auto)
    folder = tiny.folder
    if form == "legacy":
        folder = tmp_path / "legacy"
        tiny.legacy(folder)
    built, info = load_with_info(getattr(secureload, auto).from_pretrained, folder)
    assert type(built) is type(tiny.model)
    assert info["missing_keys"] == tiny.missing
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]
    ours, theirs = built.state_dict(), tiny.model.state_dict()
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert ours[name].dtype == value.dtype
        if name not in tiny.missing:
            assert torch.equal(ours[name], value), name
