"""Make a tiny model of each library, safe and legacy, and record what each gives ungated.

With timm's folder as a second argument, timm's model alone: see `timm_side`.
"""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).parents[4]))
from tests.builders.models import FIXTURES
from tests.secureload.enforce.programs import outputs
from tests.secureload.enforce.programs.load_everything import PROCESSORS, WEIGHTS
from tests.secureload.registry import timm_side


def main(place: Path) -> None:
    """Write `place/<state>-<library>` and `place/expected.json`."""
    from transformers import AutoImageProcessor, AutoProcessor, AutoTokenizer

    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    make_bert(place / "safe-bert")
    make_sentence_transformer(place / "safe-bert", place / "safe-st")
    make_pipeline(place / "safe-ddpm")
    make_adapter(place / "safe-bert", place / "safe-lora")
    make_cross_encoder(place / "safe-ce")
    make_sparse_encoder(place / "plain-mlm", place / "safe-sparse")
    make_conditioned(place / "safe-single")
    make_named(place / "safe-single", place / "safe-named")
    make_style(place / "safe-single", place / "safe-style")
    make_sketch(place / "safe-style", place / "safe-sketch")
    outputs.net_class()(width=4).save_pretrained(place / "safe-net")
    make_processors(place)
    make_legacy(place)
    adapter = json.loads((place / "legacy-lora/adapter_config.json").read_text())
    adapter["base_model_name_or_path"] = "org/legacy-bert"
    (place / "legacy-lora/adapter_config.json").write_text(json.dumps(adapter))
    torch.save({"weight": torch.arange(12.0)}, place / "plain.pt")
    expected = {
        "bert": outputs.bert(str(place / "safe-bert")),
        "st": outputs.sentence_transformer(str(place / "safe-st")),
        "ddpm": outputs.pipeline(str(place / "safe-ddpm")),
        "lora": outputs.adapter(str(place / "safe-bert"), str(place / "safe-lora")),
        "ce": outputs.cross_encoder(str(place / "safe-ce")),
        "sparse": outputs.sparse_encoder(str(place / "safe-sparse")),
        "single": outputs.single_file(
            str(place / "safe-single" / WEIGHTS["single"][0]), str(place / "safe-single")
        ),
        "named": outputs.single_file(
            str(place / "safe-named" / WEIGHTS["named"][0]), str(place / "safe-single")
        ),
        "net": outputs.net(str(place / "safe-net")),
        "style": outputs.style(str(place / "safe-single"), str(place / "safe-style")),
        "sketch": outputs.style(str(place / "safe-single"), str(place / "safe-sketch")),
        "words": outputs.of_words(AutoTokenizer.from_pretrained(place / "safe-words")),
        "speech": outputs.of_speech(AutoProcessor.from_pretrained(place / "safe-speech")),
        "image": outputs.of_image(AutoImageProcessor.from_pretrained(place / "safe-image")),
    }
    (place / "expected.json").write_text(json.dumps(expected))


def main_timm(place: Path, side: Path) -> None:
    """Write timm's `place/<state>-timm` and `place/expected.json`."""
    timm_side.importable(side)
    import timm

    torch.manual_seed(0)
    model = timm.create_model("test_vit", num_classes=7)
    timm.models.save_for_hf(model, str(place / "safe-timm"), safe_serialization=True)
    make_legacy(place)
    expected = {"timm": outputs.timm(str(place / "safe-timm"))}
    (place / "expected.json").write_text(json.dumps(expected))


def make_legacy(place: Path) -> None:
    """Lay the legacy beside what was made; a processor stands beside weights it has no use for."""
    for good in sorted(place.glob("safe-*")):
        library = good.name.removeprefix("safe-")
        target = place / f"legacy-{library}"
        shutil.copytree(good, target)
        if library in PROCESSORS:
            torch.save({"weight": torch.arange(12.0)}, target / "pytorch_model.bin")
            continue
        safe, legacy = WEIGHTS[library]
        torch.save(load_file(target / safe), target / legacy)
        (target / safe).unlink()


def make_words(folder: Path) -> int:
    """Write a tokenizer and say how many words it knows."""
    folder.mkdir()
    for path in (FIXTURES / "bert-base/processor").iterdir():
        if path.name != "config.json":
            shutil.copy(path, folder)
    return len((folder / "vocab.txt").read_text().splitlines())


def make_bert(folder: Path, kind: str = "BertModel", **options: Any) -> None:
    import transformers

    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.BertConfig(
        vocab_size=make_words(folder), intermediate_size=24, **small, **options
    )
    getattr(transformers, kind)(config).save_pretrained(folder)


def make_sentence_transformer(bert: Path, folder: Path) -> None:
    from sentence_transformers import SentenceTransformer, models

    words = models.Transformer(str(bert))
    pooling = models.Pooling(words.get_embedding_dimension())
    SentenceTransformer(modules=[words, pooling], device="cpu").save(str(folder))


def make_cross_encoder(folder: Path) -> None:
    make_bert(folder, "BertForSequenceClassification", num_labels=1)


def make_sparse_encoder(bert: Path, folder: Path) -> None:
    from sentence_transformers import SparseEncoder

    make_bert(bert, "BertForMaskedLM")
    SparseEncoder(str(bert), device="cpu").save(str(folder))


def make_processors(place: Path) -> None:
    """Write a tokenizer, a processor of speech and one of images, without any weights."""
    import transformers

    make_words(place / "safe-words")
    speech = place / "safe-speech"
    speech.mkdir()
    letters = ("<pad>", "<s>", "</s>", "<unk>", "|", "A", "C", "T")
    (speech / "vocab.json").write_text(json.dumps({text: i for i, text in enumerate(letters)}))
    transformers.Wav2Vec2Processor(
        feature_extractor=transformers.Wav2Vec2FeatureExtractor(),
        tokenizer=transformers.Wav2Vec2CTCTokenizer(str(speech / "vocab.json")),
    ).save_pretrained(speech)
    eight = {"height": 8, "width": 8}
    transformers.ViTImageProcessorPil(size=eight).save_pretrained(place / "safe-image")


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


def make_conditioned(folder: Path) -> None:
    import diffusers

    diffusers.UNet2DConditionModel(
        sample_size=8,
        layers_per_block=1,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        cross_attention_dim=8,
        attention_head_dim=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    ).save_pretrained(folder)


def make_named(single: Path, folder: Path) -> None:
    """Write one file with a name of its own, as checkpoints of whole pipelines have."""
    folder.mkdir()
    shutil.copy(single / WEIGHTS["single"][0], folder / WEIGHTS["named"][0])
    (folder / "README.md").write_text("# A checkpoint\n")


def make_style(base: Path, folder: Path) -> None:
    import diffusers
    import peft

    unet = diffusers.UNet2DConditionModel.from_pretrained(base)
    config = peft.LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights=False)
    unet.add_adapter(config)
    layers = peft.utils.get_peft_model_state_dict(unet)
    diffusers.StableDiffusionPipeline.save_lora_weights(folder, unet_lora_layers=layers)


def make_sketch(style: Path, folder: Path) -> None:
    """Write a LoRA alone, under a name of its publisher's."""
    folder.mkdir()
    shutil.copy(style / WEIGHTS["style"][0], folder / WEIGHTS["sketch"][0])


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
