"""A snapshot becomes a folder of safe files: nothing is left out without a word."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from secureload import versions
from secureload.convert import convert, convert_path, verify_conversion
from secureload.errors import ConversionError, IntegrityError, UsageError
from secureload.flow import Artifact
from tests.builders.conv_snapshots import approval_of, snapshot_of
from tests.builders.conv_torch import flatten, flip, raw, save

FIXTURES = Path(__file__).parents[2] / "fixtures"
ODDITIES = json.loads((FIXTURES / "torch-oddities/index.json").read_text())
REFUSED = {"meta", "quantized", "sparse", "torchscript", "training_args", "whole_module"}
UNWRAPPED = {"lightning": "state_dict.", "namespace": "model.", "training_checkpoint": "model."}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    return root


def run(root: Path, tmp_path: Path) -> Artifact:
    snapshot = snapshot_of(root)
    staging = tmp_path / "staging"
    staging.mkdir()
    artifact = convert(snapshot, approval_of(snapshot), staging)
    on_disk = {p.relative_to(staging).as_posix() for p in staging.rglob("*") if p.is_file()}
    assert {file.path for file in artifact.files} == on_disk
    assert snapshot_of(staging).digest == artifact.digest
    return artifact


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        found.update(load_file(path))
    return found


@pytest.mark.parametrize(
    "folder",
    sorted(p for p in FIXTURES.glob("*/pt-*") if p.is_dir()),
    ids=lambda p: f"{p.parent.name}/{p.name}",
)
def test_every_fixture_gives_the_tensors_of_torch(folder: Path, tmp_path: Path) -> None:
    artifact = run(folder, tmp_path)
    expected: dict[str, torch.Tensor] = {}
    for path in folder.glob("*.bin"):
        expected.update(torch.load(path, weights_only=True))
    found = tensors(artifact.root)
    tied: dict[str, str] = {}
    for path in artifact.root.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            tied.update(file.metadata())
    for name, tensor in expected.items():
        assert raw(found[name if name in found else tied[name]]) == raw(tensor), name
    proofs = {p.name: p for c in artifact.conversions for p in c.tensors}
    assert set(proofs) == set(found) <= set(expected)
    verify_conversion(folder, artifact.root)


@pytest.mark.parametrize("model", ["bert-base", "distilbert-sequence", "vit-image", "resnet-image"])
def test_a_fixture_equals_its_safetensors_twin(model: str, tmp_path: Path) -> None:
    found = tensors(run(FIXTURES / model / "pt-zip", tmp_path).root)
    twin = tensors(FIXTURES / model / "safetensors")
    assert {name: raw(t) for name, t in found.items()} == {n: raw(t) for n, t in twin.items()}


@pytest.mark.parametrize(
    ("name", "file"), [(name, f) for name, odd in ODDITIES.items() for f in odd["files"]]
)
def test_torch_oddities(name: str, file: str, tmp_path: Path) -> None:
    source, out = FIXTURES / "torch-oddities" / file, tmp_path / "out.safetensors"
    if name in REFUSED:
        with pytest.raises(ConversionError):
            convert_path(source, out)
        assert list(tmp_path.iterdir()) == []
        return
    convert_path(source, out)
    found = load_file(out)
    with safe_open(out, "pt") as opened:
        tied = opened.metadata()
    expected = load_file(FIXTURES / f"torch-oddities/{name}.expected.safetensors")
    prefix = UNWRAPPED.get(name, "")
    for key, tensor in expected.items():
        short = key.removeprefix(prefix)
        assert raw(found[short if short in found else tied[short]]) == raw(tensor), key


def test_values_that_are_no_tensors_lie_beside_as_json(tmp_path: Path) -> None:
    source = FIXTURES / "torch-oddities/training_checkpoint.zip.bin"
    made = convert_path(source, tmp_path / "out.safetensors")
    values = json.loads((tmp_path / "out.metadata.json").read_text())
    whole = torch.load(source, weights_only=True)
    plain = {k: v for k, v in whole.items() if isinstance(v, (int, float, str))}
    assert plain
    assert {key: values[key] for key in plain} == plain
    assert "out.metadata.json" in made.conversions[0].outputs


def test_data_parallel_prefix_is_taken_off(tmp_path: Path) -> None:
    state = {"module.a": torch.ones(1), "module.b": torch.zeros(2)}
    source = save({"state_dict": state, "epoch": 3}, tmp_path / "a.ckpt")
    convert_path(source, tmp_path / "a.safetensors")
    assert set(load_file(tmp_path / "a.safetensors")) == {"a", "b"}


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        ("pytorch_model.bin", "model.safetensors"),
        ("pytorch_model.fp16.bin", "model.fp16.safetensors"),
        ("unet/diffusion_pytorch_model.bin", "unet/diffusion_pytorch_model.safetensors"),
        ("vae/diffusion_pytorch_model.fp16.bin", "vae/diffusion_pytorch_model.fp16.safetensors"),
        ("2_Dense/pytorch_model.bin", "2_Dense/model.safetensors"),
        ("adapter_model.bin", "adapter_model.safetensors"),
        ("adapter.fra.bin", "adapter.fra.safetensors"),
        ("spk_dict.pt", "spk_dict.safetensors"),
        ("last.ckpt", "last.safetensors"),
    ],
)
def test_names(given: str, becomes: str, root: Path, tmp_path: Path) -> None:
    (root / given).parent.mkdir(parents=True, exist_ok=True)
    save({"w": torch.ones(2)}, root / given)
    assert [file.path for file in run(root, tmp_path).files] == [becomes]


def test_sharded_variant_keeps_its_names(root: Path, tmp_path: Path) -> None:
    shards = [f"pytorch_model.fp16-0000{n}-of-00002.bin" for n in (1, 2)]
    for shard, name in zip(shards, "ab", strict=True):
        save({name: torch.ones(2)}, root / shard)
    index = {"metadata": {"total_size": 1}, "weight_map": dict(zip("ab", shards, strict=True))}
    (root / "pytorch_model.bin.index.fp16.json").write_text(json.dumps(index))
    paths = [file.path for file in run(root, tmp_path).files]
    assert paths == [
        "model.fp16-00001-of-00002.safetensors",
        "model.fp16-00002-of-00002.safetensors",
        "model.safetensors.index.fp16.json",
    ]
    made = json.loads((tmp_path / "staging" / paths[2]).read_text())
    assert made == {"metadata": {"total_size": 16}, "weight_map": {"a": paths[0], "b": paths[1]}}


def test_the_twin_of_safetensors_is_dropped_with_a_note(root: Path, tmp_path: Path) -> None:
    save({"w": torch.ones(2)}, root / "pytorch_model.bin")
    save_file({"w": torch.ones(2)}, root / "model.safetensors", metadata={"format": "pt"})
    artifact = run(root, tmp_path)
    assert [file.path for file in artifact.files] == ["model.safetensors"]
    (dropped,) = artifact.conversions
    assert dropped.inputs == ("pytorch_model.bin",)
    assert dropped.outputs == ()
    assert dropped.notes


def test_two_files_of_one_stem_both_arrive(root: Path, tmp_path: Path) -> None:
    save({"w": torch.ones(2)}, root / "pytorch_model.bin")
    save({"w": torch.zeros(2)}, root / "model.pt")
    run(root, tmp_path)
    assert load_file(tmp_path / "staging/model.safetensors")["w"].sum() == 2
    assert load_file(tmp_path / "staging/model.pt.safetensors")["w"].sum() == 0


def test_no_pickle_is_ever_copied(root: Path, tmp_path: Path) -> None:
    shutil.copy(FIXTURES / "torch-oddities/training_args.zip.bin", root / "notes.txt")
    snapshot = snapshot_of(root)
    with pytest.raises(ConversionError, match=r"notes\.txt"):
        convert(snapshot, approval_of(snapshot), tmp_path / "staging")


def test_bytes_that_changed_since_the_scan_are_not_converted(root: Path, tmp_path: Path) -> None:
    save({"w": torch.ones(100)}, root / "pytorch_model.bin")
    snapshot = snapshot_of(root)
    save({"w": torch.zeros(100)}, root / "pytorch_model.bin")
    with pytest.raises(IntegrityError, match="changed"):
        convert(snapshot, approval_of(snapshot), tmp_path / "staging")


def test_an_approval_of_another_snapshot_is_none(root: Path, tmp_path: Path) -> None:
    save({"w": torch.ones(1)}, root / "pytorch_model.bin")
    other = approval_of(snapshot_of(tmp_path / "nothing"))
    with pytest.raises(TypeError):
        convert(snapshot_of(root), other, tmp_path / "staging")


@pytest.mark.parametrize("target", ["../x.bin", "/etc/passwd", "sub/x.bin", "..", "missing.bin"])
def test_an_index_that_leads_out_is_refused(root: Path, tmp_path: Path, target: str) -> None:
    save({"w": torch.ones(1)}, root / "pytorch_model.bin")
    index = {"weight_map": {"w": target}}
    (root / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    snapshot = snapshot_of(root)
    with pytest.raises(ConversionError, match="index"):
        convert(snapshot, approval_of(snapshot), tmp_path / "staging")


@pytest.mark.parametrize("framework", ["tf", "flax"])
def test_another_frameworks_layout_is_not_taken_for_pytorchs(
    root: Path, tmp_path: Path, framework: str
) -> None:
    save_file({"w": torch.ones(2)}, root / "model.safetensors", metadata={"format": framework})
    snapshot = snapshot_of(root)
    with pytest.raises(ConversionError, match=r"model\.safetensors: whose weights"):
        convert(snapshot, approval_of(snapshot), tmp_path / "staging")


@pytest.mark.parametrize("change", ["header", "tail", "overlap"])
def test_a_bad_safetensors_file_is_refused(root: Path, tmp_path: Path, change: str) -> None:
    path = root / "model.safetensors"
    save_file({"a": torch.ones(4), "b": torch.ones(4)}, path)
    data = path.read_bytes()
    bad = {
        "header": data[:8] + b"x" + data[9:],
        "tail": data + b"1",
        "overlap": data.replace(b"[16,32]", b"[12,28]"),
    }[change]
    assert bad != data
    path.write_bytes(bad)
    snapshot = snapshot_of(root)
    with pytest.raises(ConversionError, match=r"model\.safetensors"):
        convert(snapshot, approval_of(snapshot), tmp_path / "staging")


def test_configs_are_scrubbed_and_text_is_copied(root: Path, tmp_path: Path) -> None:
    (root / "config.json").write_text('{"model_type": "bert", "auto_map": {"AutoModel": "m.M"}}')
    (root / "vocab.txt").write_text("[PAD]\n")
    artifact = run(root, tmp_path)
    assert json.loads((artifact.root / "config.json").read_text()) == {"model_type": "bert"}
    assert (artifact.root / "vocab.txt").read_text() == "[PAD]\n"
    assert artifact.conversions[0].notes


def test_shards_of_a_given_size(tmp_path: Path) -> None:
    state = {f"t{n}": torch.full((250,), float(n)) for n in range(10)}
    source = save(state, tmp_path / "pytorch_model.bin")
    convert_path(source, tmp_path / "out", max_shard_size="3KB")
    shards = sorted((tmp_path / "out").glob("*.safetensors"))
    assert len(shards) == 4
    index = json.loads((tmp_path / "out/model.safetensors.index.json").read_text())
    assert {n: raw(load_file(tmp_path / "out" / f)[n]) for n, f in index["weight_map"].items()} == {
        n: raw(t) for n, t in state.items()
    }
    verify_conversion(source, tmp_path / "out")


def test_shards_into_one_file(tmp_path: Path) -> None:
    folder = FIXTURES / "bert-base/pt-sharded"
    convert_path(folder, tmp_path / "one.safetensors")
    expected = flatten([torch.load(p, weights_only=True) for p in sorted(folder.glob("*.bin"))])
    assert {raw(t) for t in load_file(tmp_path / "one.safetensors").values()} == {
        raw(t) for t in expected.values()
    }
    verify_conversion(folder, tmp_path / "one.safetensors")


def test_verify_finds_a_changed_tensor(tmp_path: Path) -> None:
    source = save({"weight": torch.ones(100)}, tmp_path / "a.bin")
    convert_path(source, tmp_path / "a.safetensors")
    flip(tmp_path / "a.safetensors", (tmp_path / "a.safetensors").stat().st_size - 5)
    with pytest.raises(IntegrityError, match="weight"):
        verify_conversion(source, tmp_path / "a.safetensors")


def test_a_folder_that_is_not_empty_is_not_touched(tmp_path: Path) -> None:
    source = save({"w": torch.ones(1)}, tmp_path / "a.bin")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").write_text("x")
    with pytest.raises(UsageError):
        convert_path(source, tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine"]


def test_version_names_every_converter() -> None:
    for name in ("torch-zip/", "torch-legacy/", "torch-tar/", "safetensors/", "scrub/"):
        assert name in versions.conversion()


def test_no_torch_no_network_and_little_memory(tmp_path: Path) -> None:
    state = {f"w{n}": torch.randint(0, 99, (5_000_000,), dtype=torch.int8) for n in range(20)}
    state["transposed"] = torch.randint(0, 99, (6000, 5000), dtype=torch.int8).T
    source = save(state, tmp_path / "big.bin")
    probe = (
        "import sys; from pathlib import Path; from secureload.convert import *; "
        f"convert_path(Path({str(source)!r}), Path({str(tmp_path / 'big.safetensors')!r})); "
        "heavy = {'torch', 'transformers', 'tensorflow', 'jax', 'socket', 'httpx', 'sqlalchemy'}; "
        # Not ru_maxrss: a child inherits the peak of the process that forked it.
        "print(sorted(heavy & set(sys.modules)), "
        "[line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", probe],
        capture_output=True,
        text=True,
        check=True,
        cwd=FIXTURES.parent.parent,
    ).stdout.split()
    assert shown[0] == "[]"
    assert int(shown[1]) < 60_000  # KiB; the model has 130 MB
    found = load_file(tmp_path / "big.safetensors")
    assert all(torch.equal(found[name], state[name]) for name in state)
