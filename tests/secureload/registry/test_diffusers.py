from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch

import secureload
from secureload.errors import IntegrityError, Refused, UsageError
from secureload.registry import diffusers as library
from secureload.registry.library import Call
from tests.builders import libraries
from tests.builders.models import hostile_zip
from tests.secureload.registry import hashed
from tests.secureload.registry.entries import entry_of


@pytest.fixture(scope="module")
def safe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return libraries.stable_diffusion(tmp_path_factory.mktemp("diffusers") / "safe")


@pytest.fixture
def old(safe: Path, tmp_path: Path) -> Path:
    return libraries.legacy(safe, tmp_path / "old")


def picture(pipe: Any) -> Any:
    pipe.set_progress_bar_config(disable=True)
    return pipe(
        "a b",
        num_inference_steps=2,
        height=16,
        width=16,
        generator=torch.Generator().manual_seed(0),
        output_type="np",
    ).images


@pytest.mark.parametrize("form", ["safe", "old"])
def test_a_pipeline_of_many_folders_draws_the_same(form: str, safe: Path, old: Path) -> None:
    ours = secureload.DiffusionPipeline.from_pretrained(safe if form == "safe" else old)
    theirs = diffusers.DiffusionPipeline.from_pretrained(safe)
    assert type(ours) is type(theirs) is diffusers.StableDiffusionPipeline
    assert (picture(ours) == picture(theirs)).all()
    assert all(
        hashed.same(getattr(ours, part), getattr(theirs, part))
        for part in ("unet", "vae", "text_encoder")
    )


def test_hashed_bytes_draw_the_same(safe: Path, old: Path, tmp_path: Path) -> None:
    ours = secureload.load(f"diffusers:{old}", trust_policy=hashed.policy(tmp_path))
    assert (picture(ours) == picture(diffusers.DiffusionPipeline.from_pretrained(safe))).all()
    ours.save_pretrained(tmp_path / "saved")


def test_other_classes_parts_and_dtypes_are_the_librarys_own(old: Path, safe: Path) -> None:
    unet = secureload.load(
        f"diffusers:{old}", cls="UNet2DConditionModel", subfolder="unet", torch_dtype=torch.half
    )
    assert (type(unet), unet.dtype) == (diffusers.UNet2DConditionModel, torch.half)
    pipe = secureload.AutoPipelineForImage2Image.from_pretrained(old, unet=unet)
    assert type(pipe) is diffusers.StableDiffusionImg2ImgPipeline
    assert pipe.unet is unet
    scheduler = secureload.load(f"diffusers:{old}", cls="DDIMScheduler", subfolder="scheduler")
    assert type(scheduler) is diffusers.DDIMScheduler


def test_a_malicious_part_is_refused(old: Path, tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    (old / "vae" / "diffusion_pytorch_model.bin").write_bytes(hostile_zip(f"touch {marker}"))
    with pytest.raises(Refused) as refused:
        secureload.DiffusionPipeline.from_pretrained(old)
    assert "runs-shell" in refused.value.verdict.rules
    assert not marker.exists()


@pytest.mark.parametrize(
    "named",
    [["os", "system"], ["torch", "load"], ["my_module", "Model"], ["transformers", "a.b"], [5, 5]],
    ids=str,
)
def test_an_index_that_names_another_librarys_class_is_not_built(
    named: list[Any], safe: Path
) -> None:
    index = json.loads((safe / "model_index.json").read_text()) | {"vae": named}
    folder = safe.parent / "other"
    folder.mkdir(exist_ok=True)
    (folder / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(IntegrityError, match="vae"):
        library.check_index(folder / "model_index.json")


@pytest.mark.parametrize("text", ["{", "5", "null"])
def test_a_broken_index_is_an_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text(text)
    with pytest.raises(IntegrityError, match="cannot be read"):
        library.check_index(tmp_path / "model_index.json")


@pytest.mark.parametrize(
    "arguments",
    [
        {"custom_pipeline": "org/code"},
        {"use_onnx": True},
        {"load_connected_pipeline": True},
        {"subfolder": "../other"},
    ],
    ids=str,
)
def test_arguments_that_lead_out_of_the_folder_are_refused(
    arguments: dict[str, Any], safe: Path
) -> None:
    call = Call(
        name="DiffusionPipeline", entry=entry_of(safe), args=(), kwargs=arguments, admit=None
    )  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        library.build(call)


def test_code_in_a_part_is_not_loaded(safe: Path, tmp_path: Path) -> None:
    (safe / "unet" / "unet.py").write_text("raise SystemExit")
    try:
        call = Call(name="DiffusionPipeline", entry=entry_of(safe), args=(), kwargs={}, admit=None)  # type: ignore[arg-type]
        with pytest.raises(IntegrityError, match=r"unet\.py"):
            library.build(call)
    finally:
        (safe / "unet" / "unet.py").unlink()
