"""A task follows from the architecture where one does, and is asked for elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from secureload.errors import UsageError
from secureload.registry.tasks import auto_class_of, class_for_task, task_of
from secureload.registry.transformers import load
from tests.secureload.registry.entries import entry_of

DISTILBERT = Path(__file__).parents[2] / "fixtures" / "distilbert-sequence" / "safetensors"


@pytest.mark.parametrize(
    ("architecture", "task"),
    [
        ("DistilBertForSequenceClassification", "text-classification"),
        ("BertForTokenClassification", "token-classification"),
        ("BertForMaskedLM", "fill-mask"),
        ("GPT2LMHeadModel", "text-generation"),
        ("BertModel", "feature-extraction"),
        ("ViTForImageClassification", "image-classification"),
        ("Wav2Vec2ForCTC", "automatic-speech-recognition"),
        ("Wav2Vec2ForSequenceClassification", "audio-classification"),
        ("CLIPModel", "zero-shot-image-classification"),
        ("DetrForObjectDetection", "object-detection"),
    ],
)
def test_the_task_follows_from_the_architecture(architecture: str, task: str) -> None:
    assert task_of((architecture,)) == task


@pytest.mark.parametrize("architectures", [(), ("Nobody",), ("BertForPreTraining",)])
def test_a_task_that_does_not_follow_is_asked_for(architectures: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="no single pipeline task"):
        task_of(architectures)


def test_the_class_for_a_task_fits_the_model() -> None:
    config = load("AutoConfig", entry_of(DISTILBERT))
    chosen = class_for_task("text-classification", config)
    assert chosen == "AutoModelForSequenceClassification"
    with pytest.raises(UsageError):
        class_for_task("image-classification", config)
    with pytest.raises(UsageError):
        class_for_task("no-such-task", config)


@pytest.mark.parametrize(
    ("architecture", "name"),
    [
        ("DistilBertForSequenceClassification", "AutoModelForSequenceClassification"),
        ("GPT2LMHeadModel", "AutoModelForCausalLM"),
        ("Nobody", "AutoModel"),
    ],
)
def test_the_class_follows_from_the_architecture(architecture: str, name: str) -> None:
    assert auto_class_of((architecture,)) == name
