"""An ordinary program that loads each model through each door; it knows nothing of the gate.

`load_everything.py PLACE RESULTS [SIDE]`: with timm's folder SIDE, through timm's doors alone,
since libraries behave otherwise where torchvision is to be found.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[4]))
from tests.secureload.enforce.programs import outputs

STATES = ("safe", "legacy", "denied", "malicious", "tampered")
WEIGHTS = {
    "bert": ("model.safetensors", "pytorch_model.bin"),
    "st": ("model.safetensors", "pytorch_model.bin"),
    "ce": ("model.safetensors", "pytorch_model.bin"),
    "sparse": ("model.safetensors", "pytorch_model.bin"),
    "ddpm": ("unet/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model.bin"),
    "single": ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin"),
    "named": ("sd.safetensors", "sd.ckpt"),
    "net": ("model.safetensors", "pytorch_model.bin"),
    "style": ("pytorch_lora_weights.safetensors", "pytorch_lora_weights.bin"),
    "sketch": ("ink.safetensors", "ink.bin"),
    "lora": ("adapter_model.safetensors", "adapter_model.bin"),
    "timm": ("model.safetensors", "pytorch_model.bin"),
}
"""The weights of each library's model, safe and legacy."""

PROCESSORS = {
    "words": "tokenizer.json",
    "speech": "processor_config.json",
    "image": "preprocessor_config.json",
}
"""What has no weights of its own, with the file that decides what it gives."""


def doors() -> dict[str, Callable[[str], str]]:
    """Every entry point, from a reference to a digest of what comes out; `<library>:<door>`."""
    import diffusers
    import huggingface_hub as hub
    import peft
    import transformers

    def tokenizer(reference: str) -> str:
        ids = transformers.AutoTokenizer.from_pretrained(reference)("a cat")["input_ids"]
        assert ids
        return outputs.bert(reference)

    def single_file(reference: str) -> str:
        if Path(reference).is_dir():
            return outputs.single_file(weights_in(reference), "org/safe-single")
        name = WEIGHTS["named" if reference.endswith("-named") else "single"][0]
        url = f"https://huggingface.co/{reference}/blob/main/{name}"
        return outputs.single_file(url, "org/safe-single")

    def named_style(reference: str) -> str:
        kept = reference.rpartition("/")[2].partition("-")[0] in {"legacy", "malicious"}
        return outputs.style("org/safe-single", reference, WEIGHTS["sketch"][kept])

    def feature_pipeline(reference: str) -> str:
        made = transformers.pipeline("feature-extraction", reference)
        return outputs.of_bert(made.model)

    def auto_peft(reference: str) -> str:
        return outputs.of_bert(peft.AutoPeftModelForFeatureExtraction.from_pretrained(reference))

    def snapshot(reference: str) -> str:
        return outputs.bert(hub.snapshot_download(reference))

    def snapshot_into(reference: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            hub.snapshot_download(reference, local_dir=folder)
            return digest_of(Path(folder) / "model.safetensors")

    def download_into(reference: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            return digest_of(hub.hf_hub_download(reference, "model.safetensors", local_dir=folder))

    def file_system(reference: str) -> str:
        data = hub.HfFileSystem().cat(f"{reference}/model.safetensors")
        return hashlib.sha256(data).hexdigest()

    def opened_by_file_system(reference: str) -> str:
        with hub.HfFileSystem().open(f"hf://{reference}/model.safetensors", "rb") as stream:
            return hashlib.sha256(stream.read()).hexdigest()

    def found_by_file_system(reference: str) -> str:
        system = hub.HfFileSystem()
        with tempfile.TemporaryDirectory() as folder:
            found = system.glob(f"{reference}/*.safetensors") + system.glob(f"{reference}/*.bin")
            system.get_file(*found, f"{folder}/weights")
            return digest_of(Path(folder) / "weights")

    def listed(reference: str) -> str:
        names = hub.list_repo_files(reference)
        weights = [name for name in names if name.endswith((".bin", ".safetensors"))]
        return digest_of(hub.hf_hub_download(reference, *weights))

    def with_model_info(reference: str) -> str:
        names = [sibling.rfilename for sibling in hub.model_info(reference).siblings]
        weights = [name for name in names if name.endswith((".bin", ".safetensors"))]
        return digest_of(hub.hf_hub_download(reference, *weights))

    def api(reference: str) -> str:
        return digest_of(hub.HfApi().hf_hub_download(reference, "model.safetensors"))

    def put_onto(reference: str) -> str:
        model = transformers.AutoModel.from_pretrained("org/safe-bert")
        model.load_adapter(reference)
        return outputs.of_bert(model)

    def added(reference: str) -> str:
        base = transformers.AutoModel.from_pretrained("org/safe-bert")
        model = peft.PeftModel.from_pretrained(base, "org/safe-lora")
        model.load_adapter(reference, "another")
        model.set_adapter("another")
        return outputs.of_bert(model)

    unet = diffusers.UNet2DModel.from_pretrained
    any_part = diffusers.AutoModel.from_pretrained
    ddpm = diffusers.DDPMPipeline.from_pretrained
    return {
        "bert:AutoModel": outputs.bert,
        "bert:BertModel": lambda r: outputs.of_bert(transformers.BertModel.from_pretrained(r)),
        "bert:AutoTokenizer": tokenizer,
        "bert:pipeline": feature_pipeline,
        "bert:snapshot_download": snapshot,
        "weights:snapshot_download-local_dir": snapshot_into,
        "weights:hf_hub_download": lambda r: digest_of(hub.hf_hub_download(r, "model.safetensors")),
        "weights:hf_hub_download-local_dir": download_into,
        "weights:HfApi": api,
        "weights:HfFileSystem": file_system,
        "weights:HfFileSystem.open": opened_by_file_system,
        "weights:HfFileSystem.get_file": found_by_file_system,
        "weights:list_repo_files": listed,
        "weights:model_info": with_model_info,
        "ddpm:DiffusionPipeline": outputs.pipeline,
        "ddpm:UNet2DModel": lambda r: outputs.of_unet(unet(r, subfolder="unet")),
        "ddpm:DDPMPipeline": lambda r: outputs.of_unet(ddpm(r).unet),
        "ddpm:AutoModel": lambda r: outputs.of_unet(any_part(r, subfolder="unet")),
        "single:from_single_file": single_file,
        "named:from_single_file": single_file,
        "net:PyTorchModelHubMixin": outputs.net,
        "style:load_lora_weights": lambda r: outputs.style("org/safe-single", r),
        "style:load_lora_weights-file": lambda r: outputs.style("org/safe-single", weights_in(r)),
        "sketch:load_lora_weights": lambda r: outputs.style("org/safe-single", r),
        "sketch:load_lora_weights-weight_name": named_style,
        "sketch:hf_hub_download": lambda r: outputs.style(
            "org/safe-single", hub.hf_hub_download(r, WEIGHTS["sketch"][0])
        ),
        "sketch:snapshot_download-allow_patterns": lambda r: outputs.style(
            "org/safe-single",
            weights_in(hub.snapshot_download(r, allow_patterns=["*.safetensors", "*.bin"])),
        ),
        "st:SentenceTransformer": outputs.sentence_transformer,
        "ce:CrossEncoder": outputs.cross_encoder,
        "sparse:SparseEncoder": outputs.sparse_encoder,
        "lora:PeftModel": lambda r: outputs.adapter("org/safe-bert", r),
        "lora:AutoModel": lambda r: outputs.of_bert(transformers.AutoModel.from_pretrained(r)),
        "lora:AutoPeftModel": auto_peft,
        "lora:load_adapter": put_onto,
        "lora:PeftModel.load_adapter": added,
        **{door: lambda r, of=of, by=by: of(by(r)) for door, (of, by) in processors().items()},
    }


def processors() -> dict[str, tuple[Callable[[Any], str], Callable[[str], Any]]]:
    """The entry points of what prepares a model's input: what it gives, and what loads it."""
    import transformers

    words, speech, image = outputs.of_words, outputs.of_speech, outputs.of_image
    return {
        "words:AutoTokenizer": (words, transformers.AutoTokenizer.from_pretrained),
        "words:BertTokenizer": (words, transformers.BertTokenizer.from_pretrained),
        "speech:AutoProcessor": (speech, transformers.AutoProcessor.from_pretrained),
        "speech:Wav2Vec2Processor": (speech, transformers.Wav2Vec2Processor.from_pretrained),
        "speech:AutoFeatureExtractor": (speech, transformers.AutoFeatureExtractor.from_pretrained),
        "image:AutoImageProcessor": (image, transformers.AutoImageProcessor.from_pretrained),
        "image:ViTImageProcessorPil": (image, transformers.ViTImageProcessorPil.from_pretrained),
    }


def timm_doors(side: Path) -> dict[str, Callable[[str], str]]:
    """The entry points of timm."""
    from tests.secureload.registry import timm_side

    timm_side.importable(side)
    import timm

    def made(**options: Any) -> str:
        return outputs.of_timm(timm.create_model("test_vit", num_classes=7, **options))

    def architecture(reference: str) -> str:
        return made(pretrained=True, pretrained_cfg_overlay={"hf_hub_id": reference} | SEVEN)

    def overlaid(folder: str) -> str:
        return made(pretrained=True, pretrained_cfg_overlay={"file": weights_in(folder)} | SEVEN)

    def loaded(folder: str) -> str:
        model = timm.create_model("test_vit", num_classes=7)
        timm.models.load_checkpoint(model, weights_in(folder))
        return outputs.of_timm(model)

    def state_dict(reference: str) -> str:
        model = timm.create_model("test_vit", num_classes=7)
        model.load_state_dict(timm.models.load_state_dict_from_hf(reference))
        return outputs.of_timm(model)

    return {
        "timm:create_model": outputs.timm,
        "timm:architecture": architecture,
        "timm:load_state_dict_from_hf": state_dict,
        "timm:checkpoint_path": lambda folder: made(checkpoint_path=weights_in(folder)),
        "timm:overlay-file": overlaid,
        "timm:load_checkpoint": loaded,
    }


SEVEN = {"num_classes": 7}

LOCAL = (
    *("bert:AutoModel", "bert:BertModel", "bert:pipeline"),
    *("ddpm:DiffusionPipeline", "ddpm:UNet2DModel", "ddpm:DDPMPipeline", "ddpm:AutoModel"),
    *(
        "single:from_single_file",
        "named:from_single_file",
        "style:load_lora_weights",
        "style:load_lora_weights-file",
        "sketch:load_lora_weights",
        "sketch:load_lora_weights-weight_name",
    ),
    *("st:SentenceTransformer", "ce:CrossEncoder", "sparse:SparseEncoder"),
    *("lora:PeftModel", "lora:load_adapter", "lora:PeftModel.load_adapter"),
    *("words:AutoTokenizer", "words:BertTokenizer"),
    *("speech:AutoProcessor", "speech:Wav2Vec2Processor", "speech:AutoFeatureExtractor"),
    *("image:AutoImageProcessor", "image:ViTImageProcessorPil"),
)
"""The doors that also take a folder."""

TIMM_HUB = ("timm:create_model", "timm:architecture", "timm:load_state_dict_from_hf")
TIMM_LOCAL = (
    "timm:create_model",
    "timm:checkpoint_path",
    "timm:overlay-file",
    "timm:load_checkpoint",
)


_SUFFIXES = {".bin", ".ckpt", ".safetensors"}


def weights_in(folder: str) -> str:
    return str(next(p for p in Path(folder).iterdir() if p.suffix in _SUFFIXES))


def digest_of(path: Any) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def attempt(load: Callable[[str], str], reference: str) -> dict[str, Any]:
    try:
        return {"gave": load(reference)}
    except Exception as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        return {"raised": kinds, "said": str(error)}


def attempts(
    place: Path, doors: dict[str, Callable[[str], str]], hub: Sequence[str], local: Sequence[str]
) -> dict[str, Any]:
    """Try every door on every state, from the Hub and from `place`."""
    found = {}
    for door, load in doors.items():
        library = door.partition(":")[0].replace("weights", "bert")
        for state in STATES:
            if door in hub:
                found[f"hub {door} {state}"] = attempt(load, f"org/{state}-{library}")
            if door in local and state != "tampered":
                folder = str(place / f"{state}-{library}")
                found[f"local {door} {state}"] = attempt(load, folder)
    return found


def main(place: Path, results: Path, side: Path | None) -> None:
    """Write what came out of every attempt."""
    warnings.simplefilter("ignore")
    if side is None:
        ours = doors()
        from_hub = tuple(door for door in ours if door != "style:load_lora_weights-file")
        found = attempts(place, ours, from_hub, LOCAL)
        found["hub lora:AutoModel denied-base"] = attempt(ours["lora:AutoModel"], "org/orphan-lora")
        for library in PROCESSORS:
            reference = f"org/malicious-{library}"
            found[f"hub {library}:weights"] = attempt(ours["bert:snapshot_download"], reference)
    else:
        found = attempts(place, timm_doors(side), TIMM_HUB, TIMM_LOCAL)
    results.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
