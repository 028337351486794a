"""Names that configurations give in earnest for a library to import: `_target_` and its kin.

Hydra, Lightning's command line and the configurations of diffusion models name the classes
that a model is built from. A class of these libraries is built from further settings, which
are judged by themselves; a function among them is listed by its own name. Whoever asks looks
for known effects first: `torch.hub.os.system` is no class of torch's.
"""

from __future__ import annotations

from scanner.patterns import pattern

_CLASS = r"(?:\w+\.){0,8}[A-Z]\w*"
_REVIEWED = pattern(
    # Layers, losses, optimizers and schedules: they take numbers and tensors.
    r"torch\.(?:nn|optim|distributions|ao\.nn|quantization)\.CLASS"
    r"|torch\.nn\.(?:functional|init)\.[a-z]\w*"
    r"|torch\.(?:bfloat16|float16|float32|float64|half|float|double|int8|int32|int64|bool|device)"
    r"|torch\.utils\.data\.(?:\w+\.)*(?:\w*Sampler|DataLoader|TensorDataset|ConcatDataset)"
    r"|torch\.(?:relu|sigmoid|tanh|softmax|nn\.utils\.\w+_norm)"
    # Transforms, metrics and models whose weights come from the settings' own folder.
    r"|(?:torchvision|torchaudio)\.(?:transforms|ops|models)\.CLASS"
    r"|torchvision\.models\.(?:\w+\.)?[a-z0-9_]+"
    r"|(?:torchmetrics|monai|kornia|einops|x_transformers|flash_attn|xformers|apex)\.CLASS"
    # Frameworks of training, whose classes are what such files are written for.
    r"|(?:lightning|pytorch_lightning|lightning_fabric|nemo|megatron|ldm|sgm|taming|open_clip"
    r"|k_diffusion|omegaconf|transformers|diffusers|peft|timm|sentence_transformers|fairseq"
    r"|fairseq2|speechbrain|espnet2?|detectron2|mmdet|mmengine|mmcv|mmseg|mmpretrain|sam2"
    r"|segment_anything|torchtune|catalyst|audiocraft|TTS|deepspeed|accelerate)\.CLASS"
    r"|torchtune\.(?:models|modules|training|datasets|data|rlhf)\.(?:\w+\.)*[a-z]\w*"
    r"|ldm\.lr_scheduler\.\w+"
    # Values of Python's own.
    r"|collections\.OrderedDict|datetime\.(?:timedelta|date|datetime)|pathlib\.(?:Pure\w*)?Path"
    r"|builtins\.(?:int|float|str|bool|list|dict|tuple|set|slice|range)"
    r"|math\.\w+|numpy\.(?:float32|float64|int32|int64|array|linspace|arange|inf|pi)".replace(
        "CLASS", _CLASS
    )
)
_CARRIES_CODE = pattern(
    r"(?:.*\.)?(?:LambdaCallback|LambdaLayer|LambdaLR|\w*CodeAgent|\w*PythonInterpreter\w*"
    r"|LocalPythonExecutor|Tool|HfAgent|\w*Pipeline|\w*PythonScript|Lightning(?:CLI|App|Flow|Work))"
)
"""Classes of these libraries that call, fetch or run what their settings name."""


def reviewed(target: str) -> bool:
    """Whether a dotted name is a class or function that a library's own settings name."""
    return _REVIEWED.fullmatch(target) is not None and _CARRIES_CODE.fullmatch(target) is None
