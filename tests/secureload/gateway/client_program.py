"""What a client's program does with `HF_ENDPOINT` set: only the libraries, nothing of ours.

Run as `python client_program.py HUB_ROOT FIXTURES`; prints one JSON object. It first publishes
a sentence-transformers model and a diffusers pipeline on the hub, made here.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import transformers
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from sentence_transformers import SentenceTransformer

from tests.servers.repos import PublishedRepo

HUB, FIXTURES = Path(sys.argv[1]), Path(sys.argv[2])
TEXT = "a tiny model for tests"


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def as_pickle(files: dict[str, bytes], name: str, legacy: str) -> dict[str, bytes]:
    """The same files with their safetensors weights as a pickle."""
    from io import BytesIO

    from safetensors.torch import load

    changed = dict(files)
    target = BytesIO()
    torch.save(load(changed.pop(name)), target)
    folder = name.rpartition("/")[0]
    changed[f"{folder}/{legacy}" if folder else legacy] = target.getvalue()
    return changed


def models() -> dict[str, Any]:
    plain = FIXTURES / "distilbert-token"
    with tempfile.TemporaryDirectory() as name:
        local = Path(name)
        for path in [*(plain / "processor").iterdir(), *(plain / "pt-zip").iterdir()]:
            (local / path.name).write_bytes(path.read_bytes())
        expected = transformers.AutoModelForTokenClassification.from_pretrained(local)
        tokens = transformers.AutoTokenizer.from_pretrained(local)(TEXT, return_tensors="pt")
    found: dict[str, Any] = {}
    for repo in ("org/legacy", "org/safe"):
        model = transformers.AutoModelForTokenClassification.from_pretrained(repo)
        tokenizer = transformers.AutoTokenizer.from_pretrained(repo)
        mine = tokenizer(TEXT, return_tensors="pt")
        with torch.no_grad():
            equal = torch.equal(model(**mine).logits, expected(**tokens).logits)
        pipe = transformers.pipeline("token-classification", model=repo)
        found[repo] = {"equal": equal, "pipeline": len(pipe(TEXT)) > 0}
    return found


def sentences() -> bool:
    with tempfile.TemporaryDirectory() as name:
        base, saved = Path(name) / "base", Path(name) / "saved"
        base.mkdir()
        plain = FIXTURES / "distilbert-token"
        for path in [*(plain / "processor").iterdir(), *(plain / "safetensors").iterdir()]:
            (base / path.name).write_bytes(path.read_bytes())
        made = SentenceTransformer(str(base))
        made.save(str(saved))
        expected = made.encode([TEXT])
        files = as_pickle(files_below(saved), "model.safetensors", "pytorch_model.bin")
    PublishedRepo(HUB, "org/sentences").commit(files)
    return bool((SentenceTransformer("org/sentences").encode([TEXT]) == expected).all())


def images() -> bool:
    torch.manual_seed(0)
    blocks = {"down_block_types": ("DownBlock2D",), "up_block_types": ("UpBlock2D",)}
    unet = UNet2DModel(
        sample_size=8, block_out_channels=(8,), norm_num_groups=4, layers_per_block=1, **blocks
    )
    made = DDPMPipeline(unet=unet, scheduler=DDPMScheduler(num_train_timesteps=10))
    with tempfile.TemporaryDirectory() as name:
        made.save_pretrained(name)
        weights = "diffusion_pytorch_model"
        files = as_pickle(files_below(Path(name)), f"unet/{weights}.safetensors", f"{weights}.bin")
    PublishedRepo(HUB, "org/images").commit(files)
    loaded = DDPMPipeline.from_pretrained("org/images")

    def draw(pipe: Any) -> Any:
        pipe.set_progress_bar_config(disable=True)
        seed = torch.Generator().manual_seed(1)
        return pipe(num_inference_steps=2, generator=seed, output_type="np").images

    ours, theirs = loaded.unet.state_dict(), made.unet.state_dict()
    equal = all(torch.equal(ours[name], theirs[name]) for name in theirs)
    # diffusers' own saving and loading moves the last bit of what is drawn.
    return equal and bool(abs(draw(loaded) - draw(made)).max() < 1e-6)


print(json.dumps({"models": models(), "sentences": sentences(), "images": images()}))
