"""Make a tiny model of each library, safe and legacy, and record what each gives ungated.

With timm's folder as a second argument, timm's model alone: see `timm_side`.
"""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from pathlib import Path

import torch
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).parents[4]))
from tests.builders.models import FIXTURES
from tests.secureload.enforce.programs import outputs
from tests.secureload.registry import timm_side

WEIGHTS = {
    "bert": ("model.safetensors", "pytorch_model.bin"),
    "st": ("model.safetensors", "pytorch_model.bin"),
    "ddpm": (
        "unet/diffusion_pytorch_model.safetensors",
        "unet/diffusion_pytorch_model.bin",
    ),
    "lora": ("adapter_model.safetensors", "adapter_model.bin"),
}
TIMM = {"timm": ("model.safetensors", "pytorch_model.bin")}


def main(place: Path) -> None:
    """Write `place/<state>-<library>` and `place/expected.json`."""
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    make_bert(place / "safe-bert")
    make_sentence_transformer(place / "safe-bert", place / "safe-st")
    make_pipeline(place / "safe-ddpm")
    make_adapter(place / "safe-bert", place / "safe-lora")
    make_legacy(place, WEIGHTS)
    adapter = json.loads((place / "legacy-lora/adapter_config.json").read_text())
    adapter["base_model_name_or_path"] = "org/legacy-bert"
    (place / "legacy-lora/adapter_config.json").write_text(json.dumps(adapter))
    torch.save({"weight": torch.arange(12.0)}, place / "plain.pt")
    expected = {
        "bert": outputs.bert(str(place / "safe-bert")),
        "st": outputs.sentence_transformer(str(place / "safe-st")),
        "ddpm": outputs.pipeline(str(place / "safe-ddpm")),
        "lora": outputs.adapter(str(place / "safe-bert"), str(place / "safe-lora")),
    }
    (place / "expected.json").write_text(json.dumps(expected))


def main_timm(place: Path, side: Path) -> None:
    """Write timm's `place/<state>-timm` and `place/expected.json`."""
    timm_side.importable(side)
    import timm

    torch.manual_seed(0)
    model = timm.create_model("test_vit", num_classes=7)
    timm.models.save_for_hf(model, str(place / "safe-timm"), safe_serialization=True)
    make_legacy(place, TIMM)
    expected = {"timm": outputs.timm(str(place / "safe-timm"))}
    (place / "expected.json").write_text(json.dumps(expected))


def make_legacy(place: Path, weights: dict[str, tuple[str, str]]) -> None:
    for library, (safe, legacy) in weights.items():
        target = place / f"legacy-{library}"
        shutil.copytree(place / f"safe-{library}", target)
        torch.save(load_file(target / safe), target / legacy)
        (target / safe).unlink()


def make_bert(folder: Path) -> None:
    import transformers

    for path in (FIXTURES / "bert-base/processor").iterdir():
        if path.name != "config.json":
            folder.mkdir(exist_ok=True)
            shutil.copy(path, folder)
    words = len((folder / "vocab.txt").read_text().splitlines())
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.BertConfig(vocab_size=words, intermediate_size=24, **small)
    transformers.BertModel(config).save_pretrained(folder)


def make_sentence_transformer(bert: Path, folder: Path) -> None:
    from sentence_transformers import SentenceTransformer, models

    words = models.Transformer(str(bert))
    pooling = models.Pooling(words.get_embedding_dimension())
    SentenceTransformer(modules=[words, pooling], device="cpu").save(str(folder))


def make_pipeline(folder: Path) -> None:
    import diffusers

    unet = diffusers.UNet2DModel(
        sample_size=8,
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    )
    scheduler = diffusers.DDPMScheduler(num_train_timesteps=4)
    diffusers.DDPMPipeline(unet=unet, scheduler=scheduler).save_pretrained(folder)


def make_adapter(bert: Path, folder: Path) -> None:
    import peft
    import transformers

    config = peft.LoraConfig(
        target_modules=["query"], r=2, init_lora_weights=False, task_type="FEATURE_EXTRACTION"
    )
    model = peft.get_peft_model(transformers.AutoModel.from_pretrained(bert), config)
    model.save_pretrained(folder)
    adapter = json.loads((folder / "adapter_config.json").read_text())
    adapter["base_model_name_or_path"] = "org/safe-bert"
    (folder / "adapter_config.json").write_text(json.dumps(adapter))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        main_timm(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        main(Path(sys.argv[1]))
