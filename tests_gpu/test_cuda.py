"""Loads on an NVIDIA GPU: `make test-gpu`, on a machine that has one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

import secureload
from secureload.errors import IntegrityError
from secureload.registry import streamed
from tests.builders import models
from tests.secureload.registry import hashed
from tests.secureload.registry.test_streamed import recorded

FIXTURES = Path(__file__).parents[1] / "tests" / "fixtures"
GPT2 = FIXTURES / "gpt2-lm"
GPU = torch.device("cuda", 0)
OPTIONS = {"max_new_tokens": 8, "do_sample": False, "pad_token_id": 0}


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECURELOAD_HOME", str(tmp_path / "secureload-home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(params=["changed", "always", "hashed-bytes"])
def policy(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    path = tmp_path / "policy.yaml"
    path.write_text(hashed.POLICY.replace("hashed-bytes", request.param))
    return str(path)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were hashed on their way to the device."""
    found: list[str] = []
    original = streamed.tensors

    def noted(path: Path, file: Any, device: Any) -> Any:
        found.append(file.path)
        return original(path, file, device)

    monkeypatch.setattr("secureload.registry.streaming.tensors", noted)
    return found


def plain(**kwargs: Any) -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(GPT2 / "safetensors", **kwargs)


def gated(form: str, policy: str, **kwargs: Any) -> Any:
    return secureload.AutoModelForCausalLM.from_pretrained(
        GPT2 / form, trust_policy=policy, **kwargs
    )


@torch.no_grad()
def equal(ours: Any, theirs: Any) -> bool:
    asked = torch.tensor([[5, 6, 7, 8]], device=ours.device)
    return (
        hashed.same(ours, theirs)
        and torch.equal(ours(asked).logits, theirs(asked).logits)
        and torch.equal(ours.generate(asked, **OPTIONS), theirs.generate(asked, **OPTIONS))
    )


@pytest.mark.parametrize("form", ["pt-zip", "pt-legacy", "pt-sharded", "tf-h5"])
def test_a_legacy_checkpoint_runs_on_the_gpu(form: str, policy: str, read: list[str]) -> None:
    ours = gated(form, policy, device_map="cuda")
    assert {parameter.device for parameter in ours.parameters()} == {GPU}
    assert equal(ours, plain(device_map="cuda"))
    assert bool(read) == ("hashed-bytes" in Path(policy).read_text())


@pytest.mark.parametrize(
    "device_map", ["cuda:0", 0, {"": 0}, {"": "cuda"}, GPU, "auto", "cpu"], ids=str
)
def test_every_device_map_means_the_same(device_map: Any, policy: str) -> None:
    assert equal(gated("pt-zip", policy, device_map=device_map), plain(device_map=device_map))


@pytest.mark.parametrize("dtype", [torch.float16, "bfloat16", "auto", torch.float64], ids=str)
def test_every_dtype_means_the_same(dtype: Any, policy: str) -> None:
    options = {"dtype": dtype, "device_map": "cuda"}
    ours, theirs = gated("pt-zip", policy, **options), plain(**options)
    assert ours.dtype == theirs.dtype
    assert equal(ours, theirs)


def test_a_device_context_and_a_later_move_work(policy: str) -> None:
    with GPU:
        ours, theirs = gated("pt-zip", policy), plain()
    assert ours.device == theirs.device
    assert equal(ours.to("cuda"), theirs.to("cuda"))
    assert equal(gated("pt-zip", policy).to("cuda"), plain().to("cuda"))


@pytest.mark.parametrize("place", [{"device": 0}, {"device": "cuda"}, {"device_map": "cuda"}])
def test_a_pipeline_runs_on_the_gpu(place: dict[str, Any], policy: str, tmp_path: Path) -> None:
    for name, files in (("legacy", models.legacy()), ("safe", models.safe())):
        (tmp_path / name).mkdir()
        for path, data in files.items():
            (tmp_path / name / path).write_bytes(data)
    task, words = "token-classification", "a few words"
    ours = secureload.pipeline(task, str(tmp_path / "legacy"), trust_policy=policy, **place)
    theirs = transformers.pipeline(task, str(tmp_path / "safe"), **place)
    assert ours.device == theirs.device
    assert ours.model.device == theirs.model.device == GPU
    assert ours(words) == theirs(words)


def test_a_changed_byte_never_becomes_a_model(tmp_path: Path) -> None:
    entry = hashed.admitted(GPT2 / "pt-zip", tmp_path)
    hashed.flip(entry.path / "model.safetensors")
    with pytest.raises(IntegrityError, match=r"model\.safetensors"):
        gated("pt-zip", hashed.policy(tmp_path), device_map="cuda")


@pytest.mark.parametrize("chunk", [4096, 1 << 20, streamed.CHUNK])
def test_tensors_arrive_as_they_are(
    chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    sizes = (3, 1000, 70_001, 5_000_000)
    tensors = {f"t{n}.{d}": torch.randn(n).to(d) for n in sizes for d in (torch.half, torch.float)}
    path = tmp_path / "model.safetensors"
    save_file(tensors, path)
    monkeypatch.setattr(streamed, "CHUNK", chunk)
    ours, theirs = streamed.tensors(path, recorded(path), GPU), load_file(path, device="cuda:0")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(tensor, ours[name]) for name, tensor in theirs.items())


def test_the_ledger_names_the_device(policy: str) -> None:
    import sqlite3

    gated("pt-zip", policy, device_map="cuda")
    with sqlite3.connect(Path(os.environ["SECURELOAD_HOME"]) / "secureload.db") as database:
        assert list(database.execute("SELECT device FROM loads")) == [("cuda:0",)]
