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


def bert(reference: str) -> str:
    from transformers import AutoModel

    return of_bert(AutoModel.from_pretrained(reference))


def sentence_transformer(reference: str) -> str:
    from sentence_transformers import SentenceTransformer

    return digest(SentenceTransformer(reference, device="cpu").encode(["a cat"]))


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
