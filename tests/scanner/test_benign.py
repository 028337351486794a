"""Ordinary files are clean: what trainers save, what repositories hold."""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import fractions
import http
import io
import ipaddress
import json
import pathlib
import pickle
import random
import re
import struct
import uuid
import zoneinfo
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.utils import prune

from scanner import FileResult, FileVerdict, Status, scan, scan_bytes
from tests.builders import pickles, wire
from tests.builders.models import FIXTURES

DTYPES = [
    getattr(torch, name)
    for name in (
        "float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64", "uint8",
        "bool", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2", "uint16", "uint32",
        "uint64",
    )
]  # fmt: skip

FORMATS = [True, False]


def assert_clean(data: bytes, name: str) -> None:
    result = scan_bytes(data, name=name)
    assert [f"{one.rule}: {one.message} at {one.where}" for one in result.findings] == []
    assert (result.verdict, result.status) == (FileVerdict.CLEAN, Status.EXAMINED)


def saved(value: Any, *, zipped: bool = True) -> bytes:
    held = io.BytesIO()
    torch.save(value, held, _use_new_zipfile_serialization=zipped)
    return held.getvalue()


# Torch


@pytest.mark.parametrize("zipped", FORMATS, ids=["zip", "legacy"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_state_dicts_of_every_dtype(dtype: torch.dtype, zipped: bool) -> None:
    state = {"a.weight": torch.zeros(3, 4).to(dtype), "a.bias": torch.ones(2).to(dtype)}

    assert_clean(saved(state, zipped=zipped), "pytorch_model.bin")


def model() -> torch.nn.Module:
    return torch.nn.Sequential(
        torch.nn.Embedding(5, 4),
        torch.nn.Conv1d(4, 4, 1),
        torch.nn.BatchNorm1d(4),
        torch.nn.LSTM(4, 4),
        torch.nn.MultiheadAttention(4, 2),
    )


def checkpoints() -> Iterator[tuple[str, Any]]:
    net = model()
    yield "ordered state dict", net.state_dict()
    yield "plain dict", dict(net.state_dict())
    yield "nested", {"model": net.state_dict(), "epoch": 3, "best": 0.5, "name": "x", "t": (1, 2)}
    yield "parameters", dict(net.named_parameters())
    yield "list of tensors", [torch.zeros(1), torch.ones(2)]
    yield "one tensor", torch.zeros(2, 2)
    yield "no tensor", {"a": None, "b": [1, 2.5, "x"], "c": {"d": True}}
    yield "empty", {}
    yield (
        "size, dtype, device",
        {"s": torch.Size([1]), "d": torch.bfloat16, "v": torch.device("cpu")},
    )
    yield "transposed", {"a": torch.zeros(3, 4).t(), "b": torch.arange(9)[::2]}
    shared = torch.zeros(4)
    yield "shared", {"a": shared, "b": shared, "c": shared[1:]}
    yield "requires grad", {"a": torch.zeros(2, requires_grad=True)}
    yield "generator state", {"rng": torch.get_rng_state(), "seed": torch.initial_seed()}
    yield "sparse", {"a": torch.eye(3).to_sparse()}
    yield "lightning", {
        "epoch": 1, "global_step": 10, "pytorch-lightning_version": "2.0.0",
        "state_dict": net.state_dict(), "loops": {"fit": {"state": {}}}, "callbacks": {},
        "optimizer_states": [], "lr_schedulers": [], "hyper_parameters": {"lr": 0.1},
    }  # fmt: skip
    for made in (
        torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9),
        torch.optim.Adam(net.parameters()),
        torch.optim.AdamW(net.parameters()),
        torch.optim.Adagrad(net.parameters()),
        torch.optim.RMSprop(net.parameters()),
    ):
        for parameter in net.parameters():
            parameter.grad = torch.zeros_like(parameter)
        made.step()
        yield f"optimizer {type(made).__name__}", made.state_dict()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for scheduler in (
        torch.optim.lr_scheduler.StepLR(optimizer, 1),
        torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10),
        torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=5),
        torch.optim.lr_scheduler.MultiStepLR(optimizer, [1, 2]),
        torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer),
    ):
        yield f"scheduler {type(scheduler).__name__}", scheduler.state_dict()


@pytest.mark.parametrize("zipped", FORMATS, ids=["zip", "legacy"])
def test_checkpoints_that_torch_saves(zipped: bool) -> None:
    for name, value in checkpoints():
        result = scan_bytes(saved(value, zipped=zipped), name="checkpoint.pt")

        assert (name, told(result)) == (name, [])
        assert result.verdict is FileVerdict.CLEAN, name


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("zipped", FORMATS, ids=["zip", "legacy"])
def test_state_dicts_under_every_protocol(zipped: bool, protocol: int) -> None:
    held = io.BytesIO()
    state = {"a": torch.ones(3), "b": {"c": torch.zeros(2)}}
    torch.save(state, held, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    assert_clean(held.getvalue(), "pytorch_model.bin")


def modules() -> Iterator[tuple[str, Any]]:
    yield "data parallel", torch.nn.DataParallel(model())
    yield "averaged", torch.optim.swa_utils.AveragedModel(torch.nn.Linear(2, 1))
    yield "weight norm", torch.nn.utils.weight_norm(torch.nn.Linear(2, 1))
    yield "spectral norm", torch.nn.utils.spectral_norm(torch.nn.Linear(2, 1))
    pruned = torch.nn.Linear(2, 2)
    prune.l1_unstructured(pruned, "weight", 0.5)
    yield "pruned", pruned
    yield "transformer", torch.nn.Transformer(8, 2, 1, 1, 16)
    yield "lazy state", torch.nn.LazyLinear(3).state_dict()
    yield "counter", collections.Counter({np.int64(1): 2})


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("zipped", FORMATS, ids=["zip", "legacy"])
def test_whole_modules(zipped: bool) -> None:
    for name, value in modules():
        assert (name, told(scan_bytes(saved(value, zipped=zipped), name="m.pt"))) == (name, [])


def training_states() -> Iterator[tuple[str, Any]]:
    from transformers import BatchEncoding, BatchFeature, get_cosine_schedule_with_warmup
    from transformers.trainer_callback import TrainerState

    net = torch.nn.Linear(2, 1)
    optimizer = torch.optim.AdamW(net.parameters())
    schedules = torch.optim.lr_scheduler
    yield "scaler", torch.amp.GradScaler("cpu")
    yield "disabled scaler", torch.cuda.amp.GradScaler(enabled=False)
    yield "averaging schedule", torch.optim.swa_utils.SWALR(optimizer, 0.1)
    yield "warmup", get_cosine_schedule_with_warmup(optimizer, 1, 10)
    cycle = {"cycle_momentum": False, "mode": "exp_range"}
    yield "cycle", schedules.CyclicLR(optimizer, 0.1, 0.2, **cycle)
    yield "cycle of one", schedules.OneCycleLR(optimizer, 0.1, 10)
    yield "state", TrainerState(epoch=1.0)
    yield "inputs", [BatchEncoding({"a": torch.ones(1)}), BatchFeature({"a": torch.ones(1)})]
    data = torch.utils.data.TensorDataset(torch.ones(3))
    yield "loader", torch.utils.data.DataLoader(data, batch_size=2, shuffle=True)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("zipped", FORMATS, ids=["zip", "legacy"])
def test_what_trainers_keep_beside_the_weights(zipped: bool) -> None:
    for name, value in training_states():
        assert (name, told(scan_bytes(saved(value, zipped=zipped), name="m.pt"))) == (name, [])


def test_whole_models_of_transformers() -> None:
    import transformers as t

    small = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 20}
    tiny = {"intermediate_size": 8, **small}
    seen = {"image_size": 16, "patch_size": 8, **tiny}
    for made in (
        t.BertForSequenceClassification(t.BertConfig(**tiny)),
        t.RobertaModel(t.RobertaConfig(**tiny, pad_token_id=1)),
        t.GPT2Model(t.GPT2Config(n_embd=8, n_layer=1, n_head=2, vocab_size=20, n_positions=8)),
        t.ViTForImageClassification(t.ViTConfig(**seen)),
    ):
        name = type(made).__name__
        assert (name, told(scan_bytes(saved(made), name="m.pt"))) == (name, [])


@pytest.mark.parametrize(
    ("module", "name", "clean"),
    [
        ("torchvision.models.resnet", "ResNet", True),
        ("ultralytics.nn.tasks", "DetectionModel", True),
        ("ultralytics.nn.modules.conv", "Conv", True),
        ("timm.models.vision_transformer", "VisionTransformer", True),
        ("transformers.models.bert.modeling_bert", "BertModel", True),
        ("ultralytics.nn.autobackend", "AutoBackend", False),
        ("torchvision.models.resnet", "resnet18", False),
        ("timm.models.helpers", "load_checkpoint", False),
        ("transformers.models.bert.tokenization_bert", "BertTokenizer", False),
        ("transformers.models.bert.modeling_bert", "load_tf_weights_in_bert", False),
        ("models.yolo", "Model", False),
        ("__main__", "Net", False),
    ],
)
def test_whole_models_are_known_by_their_classes(module: str, name: str, clean: bool) -> None:
    made = pickles.glob(module, name) + pickles.EMPTY_TUPLE + pickles.NEWOBJ
    data = pickles.program(made, pickles.EMPTY_DICT, pickles.BUILD)
    verdict = scan_bytes(data, name="model.pkl").verdict
    called = pickles.program(pickles.call(module, name, pickles.text("x")))

    assert verdict is (FileVerdict.CLEAN if clean else FileVerdict.SUSPICIOUS)
    assert scan_bytes(called, name="model.pkl").verdict is FileVerdict.SUSPICIOUS


def test_the_trainers_random_state() -> None:
    import random

    states = {
        "python": random.getstate(),
        "numpy": np.random.get_state(),
        "cpu": torch.get_rng_state(),
    }
    assert_clean(saved(states), "rng_state.pth")


def test_sharded_state_dicts(tmp_path: Path) -> None:
    names = []
    for number in (1, 2):
        name = f"pytorch_model-0000{number}-of-00002.bin"
        names.append(name)
        (tmp_path / name).write_bytes(saved({f"w{number}": torch.zeros(2)}))
    index = {"metadata": {"total_size": 16}, "weight_map": {"w1": names[0], "w2": names[1]}}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps(index))

    assert dirty(scan([tmp_path])) == {}


# Pickles of data

VALUES: dict[str, Any] = {
    "scalars": [None, True, False, 0, -1, 2**40, -(2**200), 1.5, float("inf"), 1j, "é", b"\0\xff"],
    "containers": {"a": [1, (2, 3)], "b": {4, 5}, "c": frozenset([6]), "d": bytearray(b"x")},
    "dates": [datetime.datetime(2020, 1, 2, 3, tzinfo=datetime.UTC), datetime.date(2020, 1, 1),
              datetime.time(1, 2), datetime.timedelta(1), datetime.UTC],
    "numbers": [decimal.Decimal("1.5"), fractions.Fraction(1, 3)],
    "uuid": uuid.UUID(int=5),
    "paths": [pathlib.PurePosixPath("a/b"), pathlib.PureWindowsPath("a"), pathlib.PosixPath("x")],
    "collections": [collections.OrderedDict(a=1), collections.Counter("aab"),
                    collections.deque([1, 2], 5), collections.defaultdict(list, a=[1]),
                    collections.defaultdict(int)],
    "ranges": [range(5), slice(1, 2, 3), Ellipsis],
    "long text": "x" * 100_000,
    "many": list(range(20_000)),
    "deep": [[[[[[[[[[1]]]]]]]]]],
}  # fmt: skip


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", VALUES)
def test_pickles_of_data(name: str, protocol: int) -> None:
    assert_clean(pickle.dumps(VALUES[name], protocol), "data.pkl")


def test_python_written_pickles_too() -> None:
    for name, value in VALUES.items():
        data = pickle._dumps(value, 4)  # type: ignore[attr-defined]
        assert (name, told(scan_bytes(data, name="data.pkl"))) == (name, [])


def test_optimised_pickles() -> None:
    import pickletools

    data = pickletools.optimize(pickle.dumps(VALUES["collections"], 5))
    assert_clean(data, "data.pkl")


# numpy

ARRAYS: dict[str, Any] = {
    "floats": np.zeros((3, 4)), "fortran": np.zeros((3, 4), order="F"), "scalar": np.float32(1.5),
    "zero dimensions": np.array(5), "empty": np.zeros((0, 3)), "text": np.array(["ab", "c"]),
    "bytes": np.array([b"ab"]), "dates": np.array(["2020-01-01"], "M8[D]"),
    "record": np.zeros(2, [("a", "<f4"), ("b", "i4", (2,))]), "complex": np.zeros(2, "c16"),
    "big-endian": np.zeros(2, ">f8"), "bool": np.zeros(2, bool), "half": np.zeros(2, "f2"),
}  # fmt: skip


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(name: str) -> None:
    held = io.BytesIO()
    np.save(held, ARRAYS[name])
    assert_clean(held.getvalue(), "a.npy")
    for protocol in (2, 4, 5):
        assert_clean(pickle.dumps(ARRAYS[name], protocol), "a.pkl")


def test_arrays_of_objects() -> None:
    held = io.BytesIO()
    np.save(held, np.array([{"a": 1}, [1, 2], "x", None, decimal.Decimal(1)], dtype=object))
    result = scan_bytes(held.getvalue(), name="a.npy")
    assert result.verdict is FileVerdict.CLEAN
    assert {finding.rule for finding in result.findings} == {"pickle-inside"}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_collections_of_arrays(save: Any) -> None:
    held = io.BytesIO()
    save(held, **{name.replace(" ", "_"): value for name, value in ARRAYS.items()})
    assert_clean(held.getvalue(), "a.npz")


def test_numpys_own_random_states() -> None:
    assert_clean(pickle.dumps(np.random.default_rng(0).bit_generator.state), "rng.pkl")
    assert_clean(pickle.dumps(np.random.RandomState(0)), "rng.pkl")
    assert_clean(pickle.dumps(np.random.default_rng(0)), "rng.pkl")


# Repositories


@pytest.mark.parametrize(
    "folder", sorted(p.name for p in FIXTURES.iterdir() if p.is_dir() and "odd" not in p.name)
)
def test_whole_repositories(folder: str) -> None:
    assert dirty(scan([FIXTURES / folder])) == {}


REFUSED = {"whole_module"}
"""Of the odd files, those that hold a class to be run."""


def test_torchs_odd_files() -> None:
    found = dirty(scan([FIXTURES / "torch-oddities"]))

    assert {name for name in found if not name.startswith(tuple(REFUSED))} == set()


DOCUMENTS = {
    "README.md": "---\nlicense: mit\ntags:\n- x\n---\n# A model\n\n```python\nimport os\n"
    "model = AutoModel.from_pretrained('x')\nos.listdir('.')\n```\n",
    "LICENSE": 'Permission is hereby granted, free of charge, to any person (the "Software").\n',
    ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n",
    "vocab.txt": "[PAD]\n[CLS]\nhello\n##ing\n(\n.\n",
    "merges.txt": "#version: 0.2\nĠ t\nh e\n",
    "labels.txt": "cat\ndog\n",
    "requirements.txt": "torch>=2.0\nnumpy\n",
    "train.log": "epoch 1: loss=0.5\nepoch 2: loss=0.4\n",
    "results.csv": "epoch,loss\n1,0.5\n",
    "notes.json": '{"comment": "call os.system(x) and eval(y)"}',
    "lines.jsonl": '{"a": 1}\n{"a": 2}\n',
    "config.yaml": "model:\n  name: bert\n  layers: [1, 2]\nlr: 1.0e-4\n",
    "special_tokens_map.json": '{"bos_token": "<s>", "eos_token": "</s>"}',
    "chat_template.jinja": "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}"
    "{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}",
    "generation_config.json": '{"max_length": 20, "do_sample": true}',
    "empty.txt": "",
    "N.txt": "No model card yet.",
    "bracket.txt": "(this is prose in brackets.)",
    "S.txt": "Some text. It ends here.",
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents(name: str) -> None:
    assert_clean(DOCUMENTS[name].encode(), name)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_pictures(kind: str) -> None:
    from PIL import Image

    held = io.BytesIO()
    Image.new("RGB", (9, 9), (200, 30, 90)).save(held, kind)
    assert_clean(held.getvalue(), f"picture.{kind.lower()}")


def test_a_small_gguf() -> None:
    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    entries = text("general.architecture") + struct.pack("<I", 8) + text("llama")
    entries += text("tokenizer.chat_template") + struct.pack("<I", 8)
    entries += text("{% for m in messages %}{{ m['content'] }}{% endfor %}")
    tensor = text("w") + struct.pack("<IQIQ", 1, 8, 0, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 2) + entries + tensor
    assert_clean(head + bytes(-len(head) % 32) + bytes(32), "model.gguf")


def test_a_small_onnx() -> None:
    node = wire.chunk(1, "x") + wire.chunk(2, "y") + wire.chunk(4, "Relu")
    tensor = wire.number(1, 1) + wire.number(2, 1) + wire.chunk(8, "w") + wire.chunk(9, bytes(4))
    graph = wire.chunk(1, node) + wire.chunk(2, "g") + wire.chunk(5, tensor)
    model = wire.number(1, 8) + wire.chunk(2, "pytorch") + wire.chunk(7, graph)
    assert_clean(model + wire.chunk(8, wire.number(2, 17)), "model.onnx")


def test_a_saved_model_of_plain_operations() -> None:
    nodes = b"".join(
        wire.chunk(
            1, wire.chunk(1, f"save/n{n}") + wire.chunk(2, op) + wire.chunk(3, "save/n0") * (n > 0)
        )
        for n, op in enumerate(("Placeholder", "MatMul", "SaveV2", "RestoreV2", "Identity"))
    )
    tags = wire.chunk(1, wire.chunk(4, "serve"))
    saved_model = wire.number(1, 1) + wire.chunk(2, tags + wire.chunk(2, nodes))
    assert_clean(saved_model, "saved_model.pb")


def told(result: FileResult) -> list[str]:
    return [f"{one.rule}: {one.message}" for one in result.findings]


def dirty(report: Any) -> dict[str, list[str]]:
    return {one.path: told(one) for one in report if one.verdict is not FileVerdict.CLEAN}


# joblib


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)])
def test_joblib_dumps(tmp_path: Path, compress: Any) -> None:
    import joblib

    value = {"a": np.zeros((20, 20)), "b": [1, "x"], "c": np.array(["x", None], dtype=object)}
    joblib.dump(value, tmp_path / "model.joblib", compress=compress)

    assert dirty(scan([tmp_path])) == {}


# What the standard library and its friends write


FURTHER: dict[str, Any] = {
    "ChainMap": collections.ChainMap({"a": 1}, {"b": 2}),
    "UserDict": collections.UserDict(a=1),
    "ZoneInfo": zoneinfo.ZoneInfo("UTC"),
    "a date with a zone": datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
    "array": array.array("d", [1.0, 2.0]),
    "Random": random.Random(3),
    "pattern": re.compile("a.b"),
    "types": [int, str, type(None)],
    "status": http.HTTPStatus.OK,
    "exception": ValueError("x", 3),
    "address": ipaddress.ip_address("192.0.2.1"),
    "poly1d": np.poly1d([1, 2]),
    "record": np.rec.array([(1, 2.0)], dtype=[("a", int), ("b", float)]),
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", FURTHER)
def test_objects_of_the_standard_library(name: str, protocol: int) -> None:
    assert_clean(pickle.dumps(FURTHER[name], protocol=protocol), "value.pkl")


def test_plain_data_as_dill_writes_it() -> None:
    """Plain types and constants go by a lookup in dill's own table."""
    load_type = pickles.call("dill._dill", "_load_type", pickles.text("complex"))
    one = load_type + pickles.number(1.0) + b"\x85R"
    ellipsis = pickles.call("dill._dill", "_eval_repr", pickles.text("Ellipsis"))

    assert_clean(pickles.program(one, b"0", ellipsis), "plain.dill")


# What training and other libraries leave


def test_training_arguments_with_their_settings(tmp_path: Path) -> None:
    import transformers

    arguments = transformers.Seq2SeqTrainingArguments(
        output_dir=str(tmp_path), report_to=[], use_cpu=True, optim="adafactor",
        generation_config=transformers.GenerationConfig(max_length=3),
    )  # fmt: skip
    assert_clean(saved(arguments), "training_args.bin")


def test_a_diffusers_pipeline(tmp_path: Path) -> None:
    import diffusers

    unet = diffusers.UNet2DModel(
        sample_size=8, block_out_channels=(8, 8), norm_num_groups=2, layers_per_block=1,
        down_block_types=("DownBlock2D",) * 2, up_block_types=("UpBlock2D",) * 2,
    )  # fmt: skip
    diffusers.DDPMPipeline(unet, diffusers.DDPMScheduler()).save_pretrained(tmp_path)

    assert dirty(scan([tmp_path])) == {}


def estimators() -> Iterator[Any]:
    from scipy.spatial import distance
    from sklearn import ensemble, linear_model, naive_bayes, neighbors, pipeline, svm, tree
    from sklearn import preprocessing as scale

    yield linear_model.LogisticRegression()
    yield linear_model.SGDClassifier()
    yield tree.DecisionTreeClassifier()
    yield ensemble.RandomForestClassifier(3)
    yield ensemble.GradientBoostingClassifier(n_estimators=2)
    yield ensemble.HistGradientBoostingClassifier(max_iter=2)
    yield ensemble.HistGradientBoostingClassifier(max_iter=2, categorical_features=[0])
    yield svm.SVC(probability=True)
    yield neighbors.KNeighborsClassifier(algorithm="kd_tree")
    yield neighbors.KNeighborsClassifier(algorithm="ball_tree", metric=distance.cosine)
    yield naive_bayes.GaussianNB()
    yield pipeline.make_pipeline(scale.StandardScaler(), linear_model.RidgeClassifier())


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_fitted_estimators(tmp_path: Path) -> None:
    import joblib

    points = np.random.default_rng(0).random((40, 3))
    points[:, 0] = points[:, 0].round()
    for number, made in enumerate(estimators()):
        made.fit(points, points[:, 0] > 0.5)
        joblib.dump(made, tmp_path / f"{number}.joblib")
        for protocol in (2, 5):
            (tmp_path / f"{number}-{protocol}.pkl").write_bytes(pickle.dumps(made, protocol))

    assert dirty(scan([tmp_path])) == {}
