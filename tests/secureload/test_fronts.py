from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import torch
import transformers

import secureload
from secureload import registry
from secureload.errors import NotFoundError, Refused, UsageError
from tests.builders import models
from tests.secureload.test_auto import LEGACY, home, modules_after, right
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo


def test_every_library_is_found_in_its_folder() -> None:
    names = {"diffusers", "peft", "sentence-transformers", "state-dict", "timm", "transformers"}
    assert set(registry.libraries()) == names


@pytest.mark.parametrize(
    ("name", "library"),
    [
        ("AutoModelForCausalLM", "transformers"),
        ("AutoPeftModelForCausalLM", "peft"),
        ("PeftModel", "peft"),
        ("DiffusionPipeline", "diffusers"),
        ("StableDiffusionXLPipeline", "diffusers"),
        ("AutoPipelineForText2Image", "diffusers"),
        ("SentenceTransformer", "sentence-transformers"),
        ("create_model", "timm"),
        ("load_state_dict", "state-dict"),
    ],
)
def test_a_name_belongs_to_one_library(name: str, library: str) -> None:
    offering = [each.name for each in registry.libraries().values() if each.offers.fullmatch(name)]
    assert offering == [library]


def test_naming_a_front_imports_no_library() -> None:
    loaded = modules_after(
        "from secureload import DiffusionPipeline, SentenceTransformer, PeftModel, create_model"
    )
    assert loaded.isdisjoint(
        {"torch", "transformers", "diffusers", "sentence_transformers", "peft"}
    )


def test_a_name_of_no_library_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Nothing"):
        _ = secureload.Nothing
    with pytest.raises(UsageError, match="NoSuchPipeline"):
        secureload.NoSuchPipeline.from_pretrained(LEGACY)


@pytest.mark.parametrize("reference", ["org/model", "jax:org/model", "timm:", "", ":x"])
def test_load_wants_a_library(reference: str) -> None:
    with pytest.raises(UsageError, match="library"):
        secureload.load(reference)


def test_load_takes_the_auto_class_of_the_architecture() -> None:
    made = secureload.load(f"transformers:{LEGACY}")
    assert type(made) is transformers.DistilBertForSequenceClassification
    assert right(made)
    config = secureload.load(f"transformers:{LEGACY}", cls="AutoConfig")
    assert type(config) is transformers.DistilBertConfig


def test_a_load_is_recorded_with_its_library() -> None:
    secureload.load_state_dict(LEGACY)
    assert recorded() == [("state-dict", "load_state_dict")]


def test_a_load_whose_build_fails_is_on_record() -> None:
    with pytest.raises(RuntimeError, match=r"size mismatch|Missing key"):
        secureload.load_state_dict(LEGACY, torch.nn.Linear(2, 2))
    assert recorded() == [("state-dict", "load_state_dict")]


def recorded() -> list[tuple[str, str]]:
    with sqlite3.connect(home() / "secureload.db") as database:
        return database.execute("SELECT library, class_name FROM loads").fetchall()


def test_revision_token_and_policy_are_the_gates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = PublishedRepo(tmp_path / "hub", "org/model").commit(models.legacy())
    with LocalHub(root=tmp_path / "hub") as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        state = secureload.load(f"state-dict:org/model@{first}", token=False)
        assert all(isinstance(value, torch.Tensor) for value in state.values())
        with pytest.raises(NotFoundError):
            secureload.load_state_dict("org/model", revision="no-such")
        with pytest.raises(Refused, match="signed"):
            secureload.load_state_dict("org/model", revision=first, trust_policy="strict")
