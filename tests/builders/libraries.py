"""Tiny real checkpoints of other libraries, saved by the libraries themselves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

FIXTURES = Path(__file__).parent.parent / "fixtures"
BERT = FIXTURES / "bert-base"
_OLD_NAMES = {"model": "pytorch_model"}


def legacy(folder: Path, to: Path) -> Path:
    """The same checkpoint with each safetensors file as a pickle under its older name."""
    shutil.copytree(folder, to)
    for path in sorted(to.rglob("*.safetensors")):
        torch.save(load_file(path), path.with_name(f"{_OLD_NAMES.get(path.stem, path.stem)}.bin"))
        path.unlink()
    return to


def stable_diffusion(folder: Path) -> Path:
    """A text-to-image pipeline of five folders."""
    import diffusers
    import transformers

    torch.manual_seed(0)
    letters = ["a", "b", "c"]
    vocabulary = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{x}</w>" for x in letters)]
    tokenizer = transformers.CLIPTokenizer(
        vocab={word: number for number, word in enumerate(vocabulary)}, merges=[]
    )
    tokenizer.model_max_length = 8
    text = transformers.CLIPTextConfig(
        vocab_size=len(vocabulary), hidden_size=16, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=8, bos_token_id=0, eos_token_id=1,
        pad_token_id=1,
    )  # fmt: skip
    unet = diffusers.UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, layers_per_block=1,
        block_out_channels=(8, 8), norm_num_groups=4, cross_attention_dim=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=2,
    )  # fmt: skip
    vae = diffusers.AutoencoderKL(block_out_channels=(8, 8), norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )  # fmt: skip
    pipe = diffusers.StableDiffusionPipeline(
        vae=vae, text_encoder=transformers.CLIPTextModel(text), tokenizer=tokenizer, unet=unet,
        scheduler=diffusers.DDIMScheduler(num_train_timesteps=10), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipe.save_pretrained(folder)
    return folder


def sentence_model(folder: Path) -> Path:
    """A sentence encoder of three modules: BERT, pooling, a dense layer with weights."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules

    torch.manual_seed(0)
    base = folder.with_name(f"{folder.name}-base")
    shutil.copytree(BERT / "safetensors", base)
    shutil.copytree(BERT / "processor", base, dirs_exist_ok=True)
    word = modules.Transformer(str(base))
    size = word.get_embedding_dimension()
    parts = [word, modules.Pooling(size), modules.Dense(size, 8)]
    SentenceTransformer(modules=parts, device="cpu").save(str(folder))
    return folder


def cross_encoder(folder: Path) -> Path:
    """A model that scores pairs: a BERT classifier with one label."""
    import transformers

    torch.manual_seed(0)
    config = transformers.AutoConfig.from_pretrained(BERT / "safetensors", num_labels=1)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    shutil.copytree(BERT / "processor", folder, dirs_exist_ok=True, ignore=_config)
    return folder


def _config(_folder: str, names: list[str]) -> set[str]:
    return {"config.json"} & set(names)


def adapter(folder: Path, base: str, task: str | None = "SEQ_CLS") -> Path:
    """A LoRA adapter for a classifier, with weights that change the answer."""
    import peft
    import transformers

    torch.manual_seed(0)
    source = FIXTURES / "distilbert-sequence" / "safetensors"
    model: Any = transformers.AutoModelForSequenceClassification.from_pretrained(source)
    lora = peft.LoraConfig(
        r=2, target_modules=["q_lin"], init_lora_weights=False, task_type=task,
        modules_to_save=[],
    )  # fmt: skip
    adapted = peft.get_peft_model(model, lora)
    adapted.peft_config["default"].base_model_name_or_path = base
    adapted.save_pretrained(folder)
    return folder


def renamed(folder: Path, name: str, **changes: Any) -> None:
    """Change values of a JSON file of a checkpoint."""
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
