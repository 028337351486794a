from __future__ import annotations

from pathlib import Path
from typing import Any

import peft
import pytest
import torch
import transformers

import secureload
from secureload.errors import IntegrityError, Refused, UsageError
from tests.builders import libraries, models
from tests.secureload.registry import hashed

DISTILBERT = libraries.FIXTURES / "distilbert-sequence"
ASKED = torch.tensor([[5, 6, 7]])


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return libraries.adapter(tmp_path / "adapter", str(DISTILBERT / "pt-zip"))


def base() -> Any:
    return transformers.AutoModelForSequenceClassification.from_pretrained(
        DISTILBERT / "safetensors"
    )


@torch.no_grad()
def logits(model: Any) -> torch.Tensor:
    return model.eval()(ASKED).logits  # type: ignore[no-any-return]


@pytest.mark.parametrize("form", ["safe", "old"])
def test_an_adapter_on_its_base_answers_the_same(form: str, adapter: Path, tmp_path: Path) -> None:
    theirs = peft.PeftModel.from_pretrained(base(), adapter)
    folder = adapter if form == "safe" else libraries.legacy(adapter, tmp_path / "old")
    ours = secureload.AutoPeftModelForSequenceClassification.from_pretrained(folder)
    assert type(ours) is type(theirs) is peft.PeftModelForSequenceClassification
    assert torch.equal(logits(ours), logits(theirs))
    assert not torch.equal(logits(ours), logits(base()))
    onto = secureload.PeftModel.from_pretrained(base(), folder, adapter_name="mine")
    assert torch.equal(logits(onto), logits(theirs))
    assert list(onto.peft_config) == ["mine"]


def test_load_takes_the_class_that_fits(adapter: Path, tmp_path: Path) -> None:
    policy = hashed.policy(tmp_path)
    theirs = logits(peft.PeftModel.from_pretrained(base(), adapter))
    assert torch.equal(logits(secureload.load(f"peft:{adapter}", trust_policy=policy)), theirs)
    assert torch.equal(logits(secureload.load(f"peft:{adapter}", base())), theirs)


def test_an_adapter_without_a_task_goes_onto_a_given_base(tmp_path: Path) -> None:
    folder = libraries.adapter(tmp_path / "adapter", str(DISTILBERT / "pt-zip"), task=None)
    with pytest.raises(IntegrityError, match="no task"):
        secureload.AutoPeftModel.from_pretrained(folder)
    ours = secureload.PeftModel.from_pretrained(base(), folder)
    assert torch.equal(logits(ours), logits(peft.PeftModel.from_pretrained(base(), folder)))


def test_a_malicious_base_is_refused(adapter: Path, tmp_path: Path) -> None:
    marker, bad = tmp_path / "executed", tmp_path / "bad"
    bad.mkdir()
    for name, data in models.malicious(f"touch {marker}").items():
        (bad / name).write_bytes(data)
    libraries.renamed(adapter, "adapter_config.json", base_model_name_or_path=str(bad))
    with pytest.raises(Refused):
        secureload.AutoPeftModelForSequenceClassification.from_pretrained(adapter)
    assert not marker.exists()


def test_a_malicious_adapter_is_refused(adapter: Path, tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    (adapter / "adapter_model.safetensors").unlink()
    (adapter / "adapter_model.bin").write_bytes(models.hostile_zip(f"touch {marker}"))
    with pytest.raises(Refused):
        secureload.PeftModel.from_pretrained(base(), adapter)
    assert not marker.exists()


def test_a_folder_without_an_adapter_is_an_error() -> None:
    with pytest.raises(IntegrityError, match="adapter"):
        secureload.AutoPeftModelForSequenceClassification.from_pretrained(DISTILBERT / "pt-zip")


def test_a_subfolder_elsewhere_is_refused(adapter: Path) -> None:
    with pytest.raises((UsageError, OSError), match="subfolder"):
        secureload.PeftModel.from_pretrained(base(), adapter, subfolder="../x")
