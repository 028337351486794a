"""What is converted equals what torch.load(weights_only=True) gives, bit for bit."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from secureload.convert import convert_path, verify_conversion
from tests.builders.conv_torch import flatten, raw, rewrite, save, save_tar

OLD = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
    torch.complex64,
]
NEW = [
    torch.uint16,
    torch.uint32,
    torch.uint64,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.float8_e4m3fnuz,
    torch.float8_e5m2fnuz,
]

names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="."), min_size=1, max_size=6
).filter(lambda name: name not in ("model", "state_dict", "module", "__metadata__"))
shapes = st.lists(st.integers(0, 5), max_size=4).map(tuple)


@st.composite
def tensors(draw: st.DrawFn, dtypes: list[torch.dtype]) -> torch.Tensor:
    """Draw a tensor: contiguous, or a view of a larger one."""
    dtype, shape = draw(st.sampled_from(dtypes)), draw(shapes)
    count = int(torch.tensor(shape).prod()) if shape else 1
    width = torch.empty(0, dtype=dtype).element_size()
    high = 2 if dtype is torch.bool else 256
    seed = torch.Generator().manual_seed(draw(st.integers(0, 2**30)))
    data = torch.randint(0, high, (max(count, 1) * width,), dtype=torch.uint8, generator=seed)
    tensor = data.view(dtype)[:count].reshape(shape)
    how = draw(st.sampled_from(["plain", "transposed", "sliced", "expanded", "strided", "lazy"]))
    if how == "transposed" and tensor.dim() > 1:
        tensor = tensor.transpose(0, draw(st.integers(1, tensor.dim() - 1)))
    elif how == "sliced" and tensor.dim() and tensor.shape[0] > 1:
        tensor = tensor[1:]
    elif how == "expanded":
        tensor = tensor.unsqueeze(0).expand(draw(st.integers(1, 4)), *tensor.shape)
    elif how == "strided" and tensor.dim():
        tensor = tensor[..., ::2]
    elif how == "lazy" and dtype is torch.complex64:
        tensor = draw(st.sampled_from([tensor.conj(), tensor.conj().imag]))
    return tensor


def states(dtypes: list[torch.dtype]) -> st.SearchStrategy[Any]:
    """Draw nested containers of tensors, some of which share a storage."""
    leaf = tensors(dtypes)
    shared = leaf.filter(lambda t: t.dim() > 0).map(lambda t: {"one": t, "two": t, "part": t[:1]})
    parameter = leaf.filter(lambda t: t.is_floating_point() and t.element_size() > 1).map(
        lambda t: torch.nn.Parameter(t, requires_grad=False)
    )
    inner = st.one_of(leaf, shared, parameter)
    nested = st.recursive(
        inner,
        lambda part: st.one_of(
            st.lists(part, min_size=1, max_size=3),
            st.dictionaries(names, part, min_size=1, max_size=3),
        ),
        max_leaves=6,
    )
    return st.dictionaries(names, nested, min_size=1, max_size=4)


def assert_equal(expected: dict[str, torch.Tensor], converted: Path) -> None:
    """Every tensor is there under its name, or its metadata names the one it is tied to."""
    found = load_file(converted)
    with safe_open(converted, "pt") as file:
        metadata = file.metadata()
    assert set(found) <= set(expected)
    for name, tensor in expected.items():
        kept = name if name in found else metadata[name]
        assert raw(found[kept]) == raw(tensor), name


quick = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@quick
@given(state=states(OLD + NEW))
def test_zip(state: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = save(state, Path(folder) / "any.bin")
        converted = Path(folder) / "any.safetensors"
        convert_path(source, converted)
        expected = torch.load(source, weights_only=True)
        assert_equal(flatten(expected), converted)
        verify_conversion(source, converted)


@quick
@given(state=states(OLD))
def test_legacy(state: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = save(state, Path(folder) / "any.bin", container="legacy")
        converted = Path(folder) / "any.safetensors"
        convert_path(source, converted)
        assert_equal(flatten(torch.load(source, weights_only=True)), converted)


@quick
@given(
    state=st.dictionaries(
        names,
        tensors([torch.float32, torch.int64, torch.uint8, torch.float64]).filter(
            lambda t: t.untyped_storage().nbytes() > 0
        ),
        min_size=1,
        max_size=4,
    )
)
def test_tar(state: dict[str, torch.Tensor]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = save_tar(state, Path(folder) / "old.pt")
        converted = Path(folder) / "any.safetensors"
        convert_path(source, converted)
        # The file was written here; torch reads this format with its plain unpickler only.
        assert_equal(flatten(torch.load(source, weights_only=False)), converted)


@quick
@given(state=st.dictionaries(names, tensors(OLD), min_size=1, max_size=5))
def test_big_endian(state: dict[str, torch.Tensor]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = save(state, Path(folder) / "any.bin")
        rewrite(source, lambda name, data: b"big" if name == "byteorder" else data)
        converted = Path(folder) / "any.safetensors"
        convert_path(source, converted)
        assert_equal(flatten(torch.load(source, weights_only=True)), converted)


def plain(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.resolve_conj().resolve_neg().clone().contiguous()


@quick
@given(state=st.dictionaries(names, tensors(OLD + NEW).map(plain), min_size=1, max_size=6))
def test_the_file_is_the_one_that_save_file_writes(state: dict[str, torch.Tensor]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = save(state, Path(folder) / "any.bin")
        convert_path(source, Path(folder) / "ours.safetensors")
        save_file(state, Path(folder) / "theirs.safetensors", metadata={"format": "pt"})
        ours = (Path(folder) / "ours.safetensors").read_bytes()
        assert ours == (Path(folder) / "theirs.safetensors").read_bytes()


@pytest.mark.parametrize("container", ["zip", "legacy"])
def test_same_input_same_bytes(tmp_path: Path, container: str) -> None:
    base = torch.arange(24.0).reshape(6, 4)
    source = save({"a": base, "b": base, "c": base.T}, tmp_path / "a.bin", container=container)
    for name in ("one", "two"):
        convert_path(source, tmp_path / f"{name}.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (
        tmp_path / "two.safetensors"
    ).read_bytes()


@pytest.mark.parametrize(
    "view",
    [
        lambda t: t.T,
        lambda t: t[:, 5:1500],
        lambda t: t.reshape(40, 50, -1).permute(2, 0, 1),
        lambda t: t[::3, ::7],
        lambda t: t[:1].expand(3000, -1),
    ],
    ids=["transposed", "columns", "permuted", "strided", "expanded"],
)
def test_views_larger_than_one_block(tmp_path: Path, view: Any) -> None:
    big = torch.arange(2000 * 3000, dtype=torch.int32).reshape(2000, 3000)
    source = save({"t": view(big)}, tmp_path / "a.bin")
    convert_path(source, tmp_path / "a.safetensors")
    assert torch.equal(load_file(tmp_path / "a.safetensors")["t"], view(big))
