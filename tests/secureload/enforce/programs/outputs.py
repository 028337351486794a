"""What a model of each library gives for one input, as a digest: plain library code."""

from __future__ import annotations

import hashlib
from typing import Any


def digest(values: Any) -> str:
    import numpy as np

    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def of_bert(model: Any) -> str:
    import torch

    model.eval()
    with torch.no_grad():
        return digest(model(torch.tensor([[2, 5, 7, 3]])).last_hidden_state.numpy())


def of_unet(unet: Any) -> str:
    import torch

    unet.eval()
    with torch.no_grad():
        return digest(unet(torch.ones(1, 1, 8, 8), 1).sample.numpy())


def of_conditioned(unet: Any) -> str:
    """Of a UNet that is told what to make by a second input.

    In double precision, whose tensors are laid out anew: how weights are aligned in the file
    they come from changes the last bits of what this architecture gives.
    """
    import torch

    unet.eval().double()
    ones = torch.ones(1, 4, 8, 8).double(), 1, torch.ones(1, 2, 8).double()
    with torch.no_grad():
        return digest(unet(*ones).sample.numpy())


def of_words(tokenizer: Any) -> str:
    return digest(tokenizer("a cat")["input_ids"])


def of_speech(processor: Any) -> str:
    """Of a feature extractor, alone or within a processor."""
    import numpy as np

    heard = np.linspace(-1, 1, 400, dtype=np.float32)
    return digest(processor(heard, sampling_rate=16_000, return_tensors="np")["input_values"])


def of_image(processor: Any) -> str:
    from PIL import Image

    return digest(processor(Image.new("RGB", (9, 9), "red"), return_tensors="np")["pixel_values"])


def bert(reference: str) -> str:
    from transformers import AutoModel

    return of_bert(AutoModel.from_pretrained(reference))


def sentence_transformer(reference: str) -> str:
    from sentence_transformers import SentenceTransformer

    return digest(SentenceTransformer(reference, device="cpu").encode(["a cat"]))


def cross_encoder(reference: str) -> str:
    from sentence_transformers import CrossEncoder

    return digest(CrossEncoder(reference, device="cpu").predict([("a cat", "a mat")]))


def sparse_encoder(reference: str) -> str:
    from sentence_transformers import SparseEncoder

    return digest(SparseEncoder(reference, device="cpu").encode(["a cat"]).to_dense().numpy())


def single_file(file: str, config: str) -> str:
    from diffusers import UNet2DConditionModel

    return of_conditioned(UNet2DConditionModel.from_single_file(file, config=config))


def net_class() -> Any:
    """A model of a program's own that huggingface_hub saves and loads."""
    import torch
    from huggingface_hub import PyTorchModelHubMixin

    class Net(torch.nn.Module, PyTorchModelHubMixin):
        def __init__(self, width: int = 3) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(width, 2)

    return Net


def net(reference: str) -> str:
    return digest(net_class().from_pretrained(reference).layer.weight.detach().numpy())


def style(base: str, reference: str, name: str | None = None) -> str:
    """Of a pipeline onto which a LoRA is put, from the file that is named or found."""
    import diffusers

    unet = diffusers.UNet2DConditionModel.from_pretrained(base)
    absent = dict.fromkeys(("vae", "text_encoder", "tokenizer", "safety_checker"))
    pipe = diffusers.StableDiffusionPipeline(
        **absent,
        unet=unet,
        scheduler=diffusers.DDIMScheduler(),
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.load_lora_weights(reference, weight_name=name)
    return of_conditioned(pipe.unet)


def pipeline(reference: str) -> str:
    from diffusers import DiffusionPipeline

    return of_unet(DiffusionPipeline.from_pretrained(reference).unet)


def adapter(base: str, reference: str) -> str:
    from peft import PeftModel
    from transformers import AutoModel

    return of_bert(PeftModel.from_pretrained(AutoModel.from_pretrained(base), reference))


def of_timm(model: Any) -> str:
    import torch

    model.eval()
    with torch.no_grad():
        return digest(model(torch.ones(1, 3, 160, 160)).numpy())


def timm(reference: str) -> str:
    """Of a model that timm reads from the Hub, or from a folder."""
    from pathlib import Path

    import timm

    source = "local-dir" if Path(reference).is_dir() else "hf-hub"
    return of_timm(timm.create_model(f"{source}:{reference}", pretrained=True))
