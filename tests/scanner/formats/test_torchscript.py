"""What scripting, tracing, freezing and quantising write is clean; what else lies there is told."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import Any, NamedTuple, Optional

import pytest
import torch
from torch import nn

from scanner import scan_bytes
from scanner.engine import Options
from scanner.limits import LIMITS
from tests.builders import attack_torchscript as made
from tests.builders.zips import plain
from tests.scanner.told import CLEAN, MALICIOUS, SUSPICIOUS, assert_clean, rules, tell

pytestmark = pytest.mark.filterwarnings("ignore")
IMAGE = torch.zeros(1, 3, 8, 8)
IDS = torch.tensor([[1, 2, 3]])


class Conv(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.act = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()
        self.pool, self.drop, self.out = nn.AdaptiveAvgPool2d(1), nn.Dropout(0.1), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.drop(torch.flatten(self.pool(self.act(self.norm(self.conv(x)))), 1)))


class Packed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 4, batch_first=True)

    def forward(self, x: torch.Tensor, n: torch.Tensor) -> torch.Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(x, n, batch_first=True, enforce_sorted=False)
        return nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True)[0]


class Color(Enum):
    RED = 1
    GREEN = 2


class Pair(NamedTuple):
    a: torch.Tensor
    b: Optional[int] = 3  # noqa: UP045  the form that torch knows


@torch.jit.interface
class Step(nn.Module):
    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002
        pass


@torch.jit.script
class Counter:
    def __init__(self, x: int):
        self.x = x

    def inc(self) -> None:
        self.x += 1


def helper(x: torch.Tensor, y: float = 1.5) -> torch.Tensor:
    return x * y


class Words(nn.Module):
    """Most of the language: classes, enumerations, interfaces, loops, text, forks, exceptions."""

    def __init__(self) -> None:
        super().__init__()
        self.step = nn.ReLU()
        self.steps = nn.ModuleList([nn.Linear(3, 3), nn.Dropout()])
        self.color, self.sizes, self.names = Color.RED, [1, 2], {"a": 1}

    def forward(
        self,
        x: torch.Tensor,
        p: Pair,
        words: list[str],
        opt: Optional[torch.Tensor] = None,  # noqa: UP045
    ) -> dict[str, torch.Tensor]:
        out: dict[str, torch.Tensor] = {}
        counter = Counter(3)
        counter.inc()
        if opt is not None:
            x = x + opt
        for step in self.steps:
            x = step(x)
        i = 0
        while i < 10:
            if i == 5:
                break
            if i == 3:
                i += 2
                continue
            i += 1
        assert len(words) > 0, "no words, \n \x00 \N{LATIN SMALL LETTER E WITH ACUTE} \" '"
        if self.color == Color.RED:
            out["\N{LATIN SMALL LETTER E WITH ACUTE}\t"] = self.step.forward(x)
        for word in words:
            key = word.lower().strip().replace("a", "b")[1:]
            if key not in out and not key.startswith("x"):
                out[key] = helper(x[0:1, ..., None], 1e30) + float("inf") - float("-inf")
        future = torch.jit.fork(helper, x)
        out["f"] = torch.jit.wait(future)
        parts = [x for _ in self.sizes]
        parts.append(p.a.to(torch.float16).to("cpu", non_blocking=True))
        with torch.no_grad():
            out["k"] = torch.stack(parts) @ x.t() ** 2 // 3 % 2
        out["c"] = x * 1j
        x[0] = 1
        if i > 100:
            raise ValueError(f"no, {i} and {x.shape}")
        print("done", x.shape)
        return out


Words.__annotations__ = {"step": Step}


class Detect(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 1)
        self.register_buffer("anchors", torch.zeros(4, 4))

    def boxes(self, r: torch.Tensor) -> torch.Tensor:
        w = self.anchors[:, 2] - self.anchors[:, 0]
        return torch.stack([w, w * r.mean(), w.clamp(min=0), w.exp()], dim=1)

    def forward(self, images: list[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
        found: list[dict[str, torch.Tensor]] = []
        for number, image in enumerate(images):
            if image.dim() != 3:
                raise ValueError(f"three dimensions are expected, got {image.shape}")
            boxes = self.boxes(self.conv(image[None]))
            scores, _ = boxes.max(dim=1)
            kept = torch.where(scores > 0.05)[0]
            boxes = boxes[kept][:100][scores[kept].argsort(descending=True)]
            boxes[..., 0::2] = boxes[..., 0::2].clamp(0, float(image.size(-1)))
            found.append({"boxes": boxes, "labels": torch.as_tensor([number], device=image.device)})
        return found


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.out = nn.LSTM(3, 4), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.lstm(x)[0])


class Quantised(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        ao = torch.ao.quantization
        self.quant, self.dequant = ao.QuantStub(), ao.DeQuantStub()
        self.conv, self.act, self.out = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Linear(4, 2)
        self.ops = torch.ao.nn.quantized.FloatFunctional()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.act(self.conv(self.quant(x)))
        x = self.ops.cat([self.ops.add(x, x), x], 0)
        return self.dequant(self.out(self.ops.mul_scalar(x, 2.0).mean([2, 3])))


def quantised() -> nn.Module:
    ao = torch.ao.quantization
    torch.backends.quantized.engine = "fbgemm"
    model = Quantised().eval()
    model.qconfig = ao.get_default_qconfig("fbgemm")
    model = ao.fuse_modules(model, [["conv", "act"]])
    ao.prepare(model, inplace=True)
    model(IMAGE)
    return ao.convert(model)


def dynamic(model: nn.Module, *kinds: Any, **options: Any) -> Any:
    return torch.jit.script(torch.ao.quantization.quantize_dynamic(model, set(kinds), **options))


def embedding() -> Any:
    ao = torch.ao.quantization
    model = nn.Sequential(nn.EmbeddingBag(10, 4))
    model[0].qconfig = ao.float_qparams_weight_only_qconfig
    ao.prepare(model, inplace=True)
    return torch.jit.script(ao.convert(model))


def transformers(name: str, kind: str, *inputs: torch.Tensor, **settings: Any) -> Any:
    import transformers as library

    small = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
             "intermediate_size": 8, "vocab_size": 60}  # fmt: skip
    config = getattr(library, f"{name}Config")(**(small | settings), use_cache=False)
    model = getattr(library, kind)(config).eval()
    return torch.jit.trace(model, inputs, strict=False)


SCRIPTED: dict[str, Callable[[], nn.Module]] = {
    "conv": Conv,
    "words": Words,
    "detect": Detect,
    "packed": Packed,
    "lstm": lambda: nn.LSTM(3, 4, 2, bidirectional=True),
    "gru cell": lambda: nn.GRUCell(3, 4),
    "attention": lambda: nn.MultiheadAttention(8, 2),
    "transformer": lambda: nn.Transformer(8, 2, 1, 1, 16),
    "embedding bag": lambda: nn.EmbeddingBag(10, 3),
    "embedding": lambda: nn.Embedding(10, 3, padding_idx=0, max_norm=1.0),
    "upsample": lambda: nn.Sequential(
        nn.ConvTranspose2d(3, 4, 3), nn.PixelShuffle(2), nn.Upsample(scale_factor=2),
        nn.InstanceNorm2d(1), nn.GroupNorm(1, 1), nn.LayerNorm(4), nn.RMSNorm(4),
    ),
    "activations": lambda: nn.Sequential(
        nn.ELU(), nn.GELU(), nn.SiLU(), nn.Hardswish(), nn.Softmax(1), nn.LogSoftmax(1), nn.Mish(),
        nn.PReLU(), nn.Tanh(), nn.Sigmoid(), nn.Softplus(), nn.Hardtanh(), nn.CELU(), nn.SELU(),
        nn.Softsign(), nn.Hardshrink(), nn.RReLU(), nn.AlphaDropout(), nn.Flatten(),
    ),
    "loss": nn.CrossEntropyLoss,
    "ctc": nn.CTCLoss,
    "quantised": quantised,
}  # fmt: skip

OTHERS: dict[str, Callable[[], Any]] = {
    "traced conv": lambda: torch.jit.trace(Conv().eval(), IMAGE),
    "traced gru": lambda: torch.jit.trace(nn.GRU(3, 4), torch.zeros(2, 1, 3)),
    "traced packed": lambda: torch.jit.trace(
        Packed(), (torch.zeros(2, 5, 3), torch.tensor([5, 3]))
    ),
    "traced quantised": lambda: torch.jit.trace(quantised(), IMAGE),
    "traced weight norm": lambda: torch.jit.trace(
        nn.utils.parametrizations.weight_norm(nn.Linear(3, 3)), torch.zeros(1, 3)
    ),
    "traced function": lambda: torch.jit.trace(
        lambda a, b: (a @ b).softmax(-1).topk(2), (torch.zeros(3, 3), torch.zeros(3, 3))
    ),
    "traced methods": lambda: torch.jit.trace_module(
        Detect(), {"boxes": torch.zeros(1)}
    ),
    "function": lambda: torch.jit.script(helper),
    "frozen": lambda: torch.jit.freeze(torch.jit.script(Conv().eval())),
    "frozen detect": lambda: torch.jit.freeze(torch.jit.script(Detect().eval())),
    "frozen quantised": lambda: torch.jit.freeze(torch.jit.script(quantised())),
    "for inference": lambda: torch.jit.optimize_for_inference(torch.jit.script(Conv().eval())),
    "dynamic": lambda: dynamic(Recurrent(), nn.LSTM, nn.Linear),
    "dynamic, 16 bits": lambda: dynamic(Recurrent(), nn.LSTM, nn.Linear, dtype=torch.float16),
    "dynamic cell": lambda: dynamic(nn.Sequential(nn.LSTMCell(3, 4)), nn.LSTMCell),
    "quantised embedding": embedding,
    "bert": lambda: transformers("Bert", "BertModel", IDS),
    "gpt2": lambda: transformers("GPT2", "GPT2LMHeadModel", IDS, n_embd=8, n_layer=1, n_head=2),
    "t5": lambda: transformers("T5", "T5EncoderModel", IDS, d_model=8, d_kv=4, d_ff=8, num_layers=1,
                               num_heads=2),
    "vit": lambda: transformers("ViT", "ViTModel", IMAGE, image_size=8, patch_size=4),
    "llama": lambda: transformers("Llama", "LlamaForCausalLM", IDS),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(SCRIPTED))
def test_scripted_models_are_clean(name: str) -> None:
    assert_clean(torch.jit.script(SCRIPTED[name]()).save_to_buffer(), "torchscript")


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_traced_frozen_and_quantised_models_are_clean(name: str) -> None:
    held = io.BytesIO()
    torch.jit.save(OTHERS[name](), held)
    assert_clean(held.getvalue(), "torchscript")


@pytest.mark.parametrize("name", ["conv", "detect", "lstm", "quantised"])
def test_models_for_mobile_devices_are_clean(name: str) -> None:
    model = torch.jit.script(SCRIPTED[name]().eval())
    data = model._save_to_buffer_for_lite_interpreter()
    assert_clean(data, "torchscript", "model.ptl")


def test_files_beside_the_program_are_read_as_what_they_are() -> None:
    model = torch.jit.script(nn.ReLU())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clean = model.save_to_buffer(_extra_files={"labels.txt": "cat\ndog\n"})
        code = model.save_to_buffer(_extra_files={"setup.py": "import os\nos.system('true')\n"})
    assert_clean(clean, "torchscript")
    assert rules(tell(code)) == {"embedded-code"}


def test_a_finding_names_the_operator() -> None:
    told = tell(made.archive(made.body(made.SAVE)))
    assert told.verdict is MALICIOUS
    (finding,) = told.findings
    assert (finding.rule, finding.evidence["names"]) == ("torchscript-code", ("aten::save",))


def test_sources_elsewhere_are_python_like_any_other() -> None:
    source = b"import os\nos.system('true')\n"
    assert "embedded-code" in rules(tell(made.archive(also={"extra/code/x.py": source})))
    assert "torchscript-code" in rules(tell(made.archive(also={"code/x.py": source})))


def test_an_archive_without_a_program_is_judged_by_its_pickles() -> None:
    held = {name: data for name, data in made.members().items() if not name.startswith("code")}
    assert tell(plain({f"m/{name}": data for name, data in held.items()})).verdict is CLEAN


def test_an_object_of_an_unknown_library_is_told() -> None:
    pickled = b"\x80\x02c__torch__.torch.classes.elsewhere\nThing\nq\x00)\x81q\x01."
    known = pickled.replace(b"elsewhere\nThing", b"quantized\nLinearPackedParamsBase")
    split = pickled.replace(b"__torch__.torch.classes.elsewhere\nThing",
                            b"__torch__\ntorch.classes.elsewhere.Thing")  # fmt: skip
    assert tell(made.archive(also={"data.pkl": known})).verdict is CLEAN
    assert rules(tell(made.archive(also={"data.pkl": pickled}))) == {"torchscript-code"}
    assert rules(tell(made.archive(also={"constants.pkl": pickled}))) == {"torchscript-code"}
    assert "torchscript-code" in rules(tell(made.archive(also={"data.pkl": split})))


@pytest.mark.parametrize("name", ["model.json", "MODEL.JSON"])
def test_the_old_layout_is_told(name: str) -> None:
    told = tell(made.archive(also={name: b"{}"}))
    assert rules(told) == {"torchscript-code"}
    document = json.dumps({"protoVersion": "6", "mainModule": {"name": ""}}).encode()
    assert rules(tell(plain({f"m/{name}": document}))) == {"torchscript-code"}
    assert tell(plain({"m/model.json": b'{"modelTopology": {}}'})).verdict is CLEAN


def test_instructions_alone_make_a_program() -> None:
    held = made.members(made.Saves, mobile=True)
    kept = {name: data for name, data in held.items() if name in ("data.pkl", "bytecode.pkl")}
    assert tell(plain({f"m/{name}": data for name, data in kept.items()})).verdict is MALICIOUS


@pytest.mark.parametrize("data", [b"", b"\x80\x02N.", b"\x80\x02).\x80\x02).", b"junk"])
def test_instructions_that_cannot_be_read_are_told(data: bytes) -> None:
    told = tell(made.archive(also={"bytecode.pkl": data}))
    assert "torchscript-code" in rules(told)


def test_more_source_than_the_limits_allow_is_told() -> None:
    for limits in (replace(LIMITS, script_bytes=100), replace(LIMITS, source_bytes=100)):
        told = scan_bytes(made.archive(), name="m.pt", options=Options(limits=limits))
        assert rules(told) == {"limit-reached", "torchscript-code"}
        assert told.verdict is SUSPICIOUS


def test_a_compressed_source_is_read_too() -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (made.members() | {made.SOURCE: made.body(made.SAVE).encode()}).items():
            archive.writestr(f"m/{name}", data)
    assert tell(held.getvalue()).verdict is MALICIOUS
